"""The doctor says what no value by itself tells: of organisations, the janitor, the bucket and the role."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from callers import Caller
from ckan import model

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow, now

Doctor = Callable[[], tuple[int, str]]
Setting = Callable[[str, object], None]


@pytest.fixture
def doctor(cli: Any, ckan_config: Any, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Asks the doctor: exit code, and what it said."""
    # The origin that the bucket of the tests lets in.
    monkeypatch.setitem(ckan_config, "ckan.site_url", "http://127.0.0.1:5000")

    def ask() -> tuple[int, str]:
        said = cli.invoke(s3multipart, ["doctor"])
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        return said.exit_code, said.output

    return ask


def test_a_portal_that_is_well_is_told_so(doctor: Doctor) -> None:
    code, said = doctor()

    assert (code, "✗" in said) == (0, False), said
    # All that the bucket of the tests is short of.
    assert "! store: CORS: a browser cannot see that a single part was damaged" in said
    assert "1 to look at." in said


def test_programs_get_json(cli: Any) -> None:
    findings = json.loads(cli.invoke(s3multipart, ["doctor", "--json"]).stdout)

    assert {"place", "subject", "state", "text", "mend"} == set(findings[0])


def test_an_organisation_that_is_not_there_is_told_with_the_one_that_was_meant(
    doctor: Doctor, publisher: Caller, setting: Setting
) -> None:
    setting("enabled_orgs", [publisher.organisation, publisher.organisation + "x"])

    code, said = doctor()

    assert code == 1
    assert f"✗ ckanext.s3multipart.enabled_orgs: {publisher.organisation}x: is no organisation" in said
    assert f"mend: did you mean {publisher.organisation}?" in said
    assert f"✓ ckanext.s3multipart.enabled_orgs: {publisher.organisation}: may upload" in said


def test_a_setting_that_nobody_reads_is_named(doctor: Doctor, setting: Setting) -> None:
    setting("max_uplod_size", "5 GB")

    assert "! ckanext.s3multipart.max_uplod_size: name: is not a setting, and does nothing" in (
        said := doctor()[1]
    )
    assert "mend: did you mean ckanext.s3multipart.max_upload_size?" in said


def test_that_nobody_may_upload_is_said_and_no_mistake(doctor: Doctor, setting: Setting) -> None:
    setting("enabled_orgs", [])

    code, said = doctor()

    assert (code, "organisations: none may upload" in said) == (0, True), said


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("s3_bucket", "no-such-bucket", "✗ store: bucket no-such-bucket: "),
        ("s3_secret_access_key", "wrong", "mend: check ckanext.s3multipart.s3_access_key_id and its policy"),
        ("s3_endpoint", "http://127.0.0.1:9", "Could not connect to the endpoint URL"),
        (
            "s3_role",
            "arn:aws:iam::000000000000:role/no-such-role",
            "✗ ckanext.s3multipart.s3_role: arn:aws:iam",
        ),
    ],
)
def test_a_store_that_does_not_do_its_part_is_told(
    doctor: Doctor, setting: Setting, name: str, value: str, sentence: str
) -> None:
    setting(name, value)

    code, said = doctor()

    assert (code, sentence in said) == (1, True), said


def test_a_bucket_that_lets_no_page_of_this_site_in_is_told(
    doctor: Doctor, ckan_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ckan_config, "ckan.site_url", "https://elsewhere.example.net")

    code, said = doctor()

    assert code == 1
    assert "✗ store: CORS: no rule lets pages of https://elsewhere.example.net send parts" in said


def test_a_janitor_that_never_runs_is_told(doctor: Doctor, publisher: Caller) -> None:
    upload = publisher.begin()
    model.Session.query(UploadRow).filter_by(id=upload["id"]).update(
        {"expires_at": now() - timedelta(days=3)}
    )
    model.Session.commit()

    code, said = doctor()

    assert (code, "✗ janitor: runs: 1 uploads should be removed for days" in said) == (1, True), said
    publisher.call("s3multipart_upload_abort", id=upload["id"])
