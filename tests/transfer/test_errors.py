"""Every refusal has a stable code, a status, and a sentence that says what to do."""

import inspect

import pytest

from s3portal.transfer import (
    BeingTakenOver,
    ContentDiffers,
    CredentialsNotConfigured,
    FileTooLarge,
    InvalidRequest,
    PartsMissing,
    Problem,
    QuotaExceeded,
    SettingProblem,
    SettingsError,
    State,
    StoreBusy,
    StoreError,
    StoreFailed,
    StoreUnavailable,
    TransferError,
    UploadNotFound,
    UploadNotOpen,
    errors,
    retry_after_s,
    setting_errors,
    store_failures,
)
from s3portal.transfer.store_failures import StoreMisconfigured

EVERY_ERROR = [
    error
    for file in (errors, setting_errors, store_failures)
    for _, error in inspect.getmembers(file, inspect.isclass)
    if issubclass(error, TransferError)
    and error not in (TransferError, StoreError)
    and error.__module__ == file.__name__
]


@pytest.mark.parametrize(
    ("code", "http_status"),
    [
        ("not_allowed", 403),
        ("file_too_large", 413),
        ("type_not_allowed", 415),
        ("quota_exceeded", 409),
        ("upload_not_found", 404),
        ("upload_not_open", 409),
        ("part_outside_plan", 422),
        ("too_many_parts", 422),
        ("parts_missing", 409),
        ("content_differs", 422),
        ("already_attached", 409),
        ("object_gone", 409),
        ("source_changed", 409),
        ("being_taken_over", 503),
        ("store_unavailable", 503),
        ("store_busy", 503),
        ("store_failed", 502),
        ("store_misconfigured", 503),
        ("credentials_not_configured", 501),
        ("invalid_request", 422),
        ("settings_invalid", 500),
    ],
)
def test_codes_and_statuses_are_those_of_the_protocol(code: str, http_status: int) -> None:
    (error,) = [error for error in EVERY_ERROR if error.code == code]

    assert error.http_status == http_status


def test_no_two_errors_share_a_code_or_a_template() -> None:
    assert len({error.code for error in EVERY_ERROR}) == len(EVERY_ERROR) == 21
    assert len({error.template for error in EVERY_ERROR}) == len(EVERY_ERROR)


def test_the_publisher_reads_sizes_and_programs_read_bytes() -> None:
    refusal = FileTooLarge(limit=5_000_000_000, given=58_100_000_000, setting="max_upload_size")

    assert str(refusal) == (
        "This portal stores files of up to 5 GB; this one is 58.1 GB."
        " Ask the administrator, or split the file."
    )
    assert refusal.as_dict() == {
        "code": "file_too_large",
        "message": str(refusal),
        "limit": 5_000_000_000,
        "given": 58_100_000_000,
        "setting": "max_upload_size",
    }


def test_two_sizes_that_would_read_the_same_are_told_exactly() -> None:
    refusal = FileTooLarge(limit=5_000_000_000, given=5_000_000_001, setting="max_upload_size")

    assert "up to 5,000,000,000 bytes; this one is 5,000,000,001 bytes." in str(refusal)


def test_equal_sizes_stay_readable() -> None:
    refusal = QuotaExceeded(
        used=5_000_000_000, allowed=5_000_000_000, given=1_000_000_000, setting="org_quota"
    )

    assert str(refusal).startswith("5 GB of 5 GB is used, so another 1 GB does not fit.")


def test_a_portal_translates_the_template_and_the_words_in_it() -> None:
    german = {UploadNotOpen.template: "Dieser Upload ist schon %(state)s.", "completed": "fertig"}

    refusal = UploadNotOpen(state=State.COMPLETED)

    assert refusal.message(german.__getitem__) == "Dieser Upload ist schon fertig."
    assert refusal.as_dict()["state"] == "completed", "programs read the fact itself"


def test_the_problem_with_a_field_is_translated_before_its_limit_is_filled_in() -> None:
    german = {
        InvalidRequest.template: "%(field)s %(problem)s.",
        Problem.LENGTH.value: "hat über %(limit)s Zeichen",
    }

    refusal = InvalidRequest(field="filename", problem=Problem.LENGTH, limit=1000)

    assert refusal.message(german.__getitem__) == "filename hat über 1000 Zeichen."
    assert refusal.as_dict() == {
        "code": "invalid_request",
        "message": "filename must have 1 to 1000 characters.",
        "field": "filename",
        "problem": "must have 1 to 1000 characters",
        "limit": 1000,
    }


def test_a_portal_says_sizes_in_its_own_way() -> None:
    refusal = FileTooLarge(limit=5_000_000_000, given=5_000_000_001, setting="max_upload_size")

    said = refusal.message(show_size=lambda size_bytes, exact: f"{size_bytes} o" if exact else "5 Go")

    assert "up to 5000000000 o; this one is 5000000001 o." in said


def test_missing_and_incomplete_parts_are_named_together() -> None:
    refusal = PartsMissing(missing="4-9,12")

    assert "missing or incomplete: 4-9,12." in str(refusal)
    assert "missing or incomplete: 1,3." in str(PartsMissing(missing="1", wrong_size="3"))
    assert refusal.as_dict()["wrong_size"] == ""


def test_facts_are_attributes() -> None:
    refusal = FileTooLarge(limit=5, given=6, setting="max_upload_size")

    assert (refusal.limit, refusal.given, refusal.setting) == (5, 6, "max_upload_size")
    assert PartsMissing(missing="4-9").wrong_size == ""


def test_the_library_s_words_for_a_wrong_configuration_are_the_code_for_the_log() -> None:
    failure = StoreMisconfigured(operation="ListParts", cause="ValueError: no such profile")

    assert failure.store_code == failure.cause == "ValueError: no such profile"
    assert failure.facts == {}


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (StoreBusy(operation="enter calls", retry_after_s=3), 3),
        (BeingTakenOver(retry_after_s=7), 7),
        (StoreUnavailable(operation="ListParts"), None),
        (UploadNotFound(), None),
    ],
)
def test_only_some_errors_say_when_to_come_again(error: TransferError, wait_s: int | None) -> None:
    assert retry_after_s(error) == wait_s


@pytest.mark.parametrize("kind", [StoreUnavailable, StoreFailed])
def test_what_the_store_said_is_for_the_log_only(kind: type[StoreError]) -> None:
    failure = kind(operation="UploadPart", store_code="XSecretInternal", request_id="4442587FB7D0A2F9")

    assert (failure.operation, failure.store_code) == ("UploadPart", "XSecretInternal")
    assert failure.request_id == "4442587FB7D0A2F9"
    assert set(failure.as_dict()) == {"code", "message"}
    assert "XSecretInternal" not in str(failure)


def test_all_problems_of_the_settings_are_listed_at_once() -> None:
    problems = (
        SettingProblem("x.s3_bucket", "is missing"),
        SettingProblem("x.part_size", "is not a size", "5M"),
    )

    error = SettingsError(problems)

    assert error.problems == problems
    assert str(error).splitlines()[1:] == ["  x.s3_bucket is missing", "  x.part_size = 5M is not a size"]


def test_percent_signs_in_facts_do_no_harm() -> None:
    assert "%(code)s 100%" in str(ContentDiffers(what="size", expected="%(code)s 100%", found="%s"))


def test_the_setting_to_set_is_named() -> None:
    assert "s3_role" in str(CredentialsNotConfigured())
