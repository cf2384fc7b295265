"""The rules of the upload protocol, which every portal keeps: one contract for CKAN, Indico and any other.

``RULES`` are functions that take a portal (contract_portal.py); a suite runs each of them against its own.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from contract_portal import Answer, Person, PortalInTest, loses_answer, refuses, send
from killed import AFTER, BEFORE

MIB = 1024 * 1024
CONTENT = b"1,2"
NOBODYS = "9f0c6a34-0000-4000-8000-000000000000"
UPLOAD_FIELDS = {
    "id",
    "state",
    "owner",
    "filename",
    "size",
    "content_type",
    "part_size",
    "part_count",
    "stored",
    "stored_bytes",
    "checksum",
    "created_at",
    "updated_at",
    "expires_at",
}
#: The calls for one upload, with what else they need.
FOR_AN_UPLOAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("show", {}),
    ("sign_parts", {"part_numbers": [1]}),
    ("complete", {}),
    ("abort", {}),
    ("credentials", {}),
)
#: None is that of what is sent here.
WRONG_CHECKSUMS = {"CRC64NVME": "AAAAAAAAAAA=", "CRC32C": "AAAAAA==", "MD5": f"{'0' * 32}-1"}
COMPLETING_REQUESTS = ("ListParts", "CompleteMultipartUpload", "HeadObject")

Rule = Callable[[PortalInTest], None]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """One of the contract's rules."""
    RULES.append(function)
    return function


def create(portal: PortalInTest, person: Person | None = None, **asked: Any) -> Answer:
    """Asks to begin an upload to the portal's owner."""
    fields = {
        "owner": portal.owner,
        "filename": "gauges.csv",
        "size": len(CONTENT),
        "content_type": "text/csv",
    }
    return (person or portal.publisher)("create", **{**fields, **asked})


def sent(portal: PortalInTest, content: bytes = CONTENT, **asked: Any) -> str:
    """The id of an upload all of whose parts are at the store."""
    created = create(portal, size=len(content), **asked).result
    send(created, content)
    return str(created["upload"]["id"])


def completed(portal: PortalInTest, content: bytes = CONTENT, **asked: Any) -> str:
    """The id of a completed upload."""
    upload_id = sent(portal, content, **asked)
    assert portal.publisher("complete", id=upload_id).result["state"] == "completed"
    return upload_id


# create


@rule
def create_answers_the_upload_and_where_to_send_its_parts(portal: PortalInTest) -> None:
    created = create(portal, size=7 * MIB, fingerprint="f").result
    upload = created["upload"]

    assert upload.keys() >= UPLOAD_FIELDS
    assert (upload["state"], upload["size"], upload["filename"]) == ("uploading", 7 * MIB, "gauges.csv")
    assert upload["fingerprint"] == "f"
    assert (upload["stored"], upload["stored_bytes"], upload["checksum"]) == ("", 0, None)
    assert set(upload["owner"]) == {"type", "id"}
    for moment in ("created_at", "updated_at", "expires_at"):
        assert datetime.fromisoformat(upload[moment]).utcoffset() is not None
    assert [part["part_number"] for part in created["parts"]] == list(range(1, upload["part_count"] + 1))
    assert all(set(part) == {"part_number", "url", "headers", "expires_at"} for part in created["parts"])


@rule
def the_first_batch_holds_a_hundred_parts(portal: PortalInTest) -> None:
    portal.limit_size(2048 * MIB)

    created = create(portal, size=2000 * MIB).result

    assert created["upload"]["part_count"] > 100
    assert [part["part_number"] for part in created["parts"]] == list(range(1, 101))


@rule
def a_file_that_is_too_large_is_refused_with_the_limit(portal: PortalInTest) -> None:
    portal.limit_size(10 * MIB)

    refused = create(portal, size=10 * MIB + 1)

    assert refused.refusal == (413, "file_too_large")
    assert (refused.body["limit"], refused.body["given"]) == (10 * MIB, 10 * MIB + 1)
    assert refused.body["setting"]
    assert refused.body["message"]


@rule
def fields_that_cannot_be_used_are_refused_by_name(portal: PortalInTest) -> None:
    for field, value in (
        ("filename", ""),
        ("filename", ["a"]),
        ("filename", "a\x00b"),
        ("filename", "a" * 1001),
        ("size", None),
        ("size", -1),
        ("size", True),
        ("size", 1.5),
        ("content_type", 5),
        ("fingerprint", {}),
        ("idempotency_key", 5),
        ("round_trip_ms", "soon"),
    ):
        refused = create(portal, **{field: value})
        assert refused.refusal == (422, "invalid_request"), (field, value)
        assert refused.body["field"] == field
    assert portal.publisher("list", owner=portal.owner).result == []
    assert portal.unfinished() == []


@rule
def a_used_idempotency_key_answers_the_same_upload(portal: PortalInTest) -> None:
    first = create(portal, idempotency_key="once").result
    again = create(portal, idempotency_key="once").result

    assert again["upload"] == {**first["upload"], "updated_at": again["upload"]["updated_at"]}
    assert [part["part_number"] for part in again["parts"]] == [1]
    assert len(portal.unfinished()) == 1

    send(again, CONTENT)
    assert create(portal, idempotency_key="once").result["upload"]["stored"] == "1"
    portal.publisher("complete", id=first["upload"]["id"])
    after = create(portal, idempotency_key="once").result
    assert (after["upload"]["id"], after["upload"]["state"]) == (first["upload"]["id"], "completed")
    assert after["parts"] == []


@rule
def an_idempotency_key_is_for_one_owner_name_and_size(portal: PortalInTest) -> None:
    create(portal, idempotency_key="once")

    for other in ({"owner": portal.other_owner}, {"filename": "other.csv"}, {"size": 4}):
        refused = create(portal, idempotency_key="once", **other)
        assert refused.refusal == (422, "invalid_request"), other
        assert refused.body["field"] == "idempotency_key"
    assert len(portal.unfinished()) == 1


@rule
def an_idempotency_key_is_its_publishers_own(portal: PortalInTest) -> None:
    first = create(portal, idempotency_key="once").result["upload"]["id"]
    second = create(portal, portal.colleague, idempotency_key="once").result["upload"]["id"]

    assert first != second


@rule
def many_creations_with_one_key_make_one_upload(portal: PortalInTest) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: create(portal, idempotency_key="once"), range(8)))

    # Who met another call that had not ended yet comes again.
    assert {answer.status for answer in answers} <= {200, 503}
    ids = {answer.body["upload"]["id"] for answer in answers if answer.status == 200}
    assert ids == {create(portal, idempotency_key="once").result["upload"]["id"]}
    assert len(portal.unfinished()) == 1


@rule
def a_creation_whose_answer_was_lost_is_made_good_by_the_same_call(portal: PortalInTest) -> None:
    with loses_answer(portal.store, "CreateMultipartUpload"):
        assert create(portal, idempotency_key="once").refusal == (503, "store_unavailable")

    created = create(portal, idempotency_key="once").result
    send(created, CONTENT)

    assert portal.publisher("complete", id=created["upload"]["id"]).result["state"] == "completed"
    assert len(portal.publisher("list", owner=portal.owner).result) == 1


@rule
def a_creation_that_was_killed_is_made_good_by_the_same_call(portal: PortalInTest) -> None:
    for moment in (BEFORE, AFTER):
        asked = {"idempotency_key": moment, "filename": f"{moment}.csv"}
        portal.killed(moment, "CreateMultipartUpload", lambda asked=asked: create(portal, **asked))

        created = create(portal, **asked).result
        send(created, CONTENT)

        assert portal.publisher("complete", id=created["upload"]["id"]).result["state"] == "completed"
    assert len(portal.publisher("list", owner=portal.owner).result) == 2
    assert len(portal.objects()) == 2


@rule
def a_creation_that_the_store_refuses_leaves_nothing(portal: PortalInTest) -> None:
    with refuses(portal.store, "CreateMultipartUpload"):
        refused = create(portal)

    assert refused.refusal == (502, "store_failed")
    assert "secret" not in str(refused.body)
    assert "AccessDenied" not in str(refused.body)
    assert refused.body["message"]
    assert portal.publisher("list", owner=portal.owner).result == []
    assert portal.unfinished() == []


# Whose upload it is


@rule
def who_is_not_signed_in_is_refused(portal: PortalInTest) -> None:
    upload_id = create(portal).result["upload"]["id"]

    assert create(portal, portal.anonymous).status == portal.anonymous_status
    assert portal.anonymous("list", owner=portal.owner).status == portal.anonymous_status
    for name, asked in FOR_AN_UPLOAD:
        assert portal.anonymous(name, id=upload_id, **asked).status == portal.anonymous_status, name


@rule
def who_may_not_upload_to_the_owner_is_refused(portal: PortalInTest) -> None:
    assert create(portal, portal.stranger).status == 403
    assert portal.unfinished() == []


@rule
def an_upload_of_another_publisher_looks_like_one_that_is_not_there(portal: PortalInTest) -> None:
    upload_id = sent(portal)

    for name, asked in FOR_AN_UPLOAD:
        theirs = portal.colleague(name, id=upload_id, **asked)
        assert theirs.refusal == (404, "upload_not_found"), name
        assert theirs == portal.colleague(name, id=NOBODYS, **asked)
        assert theirs == portal.colleague(name, id="no id at all", **asked)
    assert portal.colleague("list", owner=portal.owner).result == []
    assert portal.publisher("show", id=upload_id).result["state"] == "uploading"


@rule
def what_is_no_id_is_not_found(portal: PortalInTest) -> None:
    for name, asked in FOR_AN_UPLOAD[:4]:
        for upload_id in (None, 5, ["a"], "\x00", "a" * 1001):
            refused = portal.publisher(name, id=upload_id, **asked)
            assert refused.refusal == (404, "upload_not_found"), (name, upload_id)


@rule
def administrators_of_the_owner_give_up_uploads_of_others(portal: PortalInTest) -> None:
    upload_id = sent(portal)

    assert portal.administrator("abort", id=upload_id).result["state"] == "aborted"

    assert portal.unfinished() == []
    # They send nothing of it, and do not complete it.
    other = sent(portal)
    for name, asked in FOR_AN_UPLOAD[1:3]:
        assert portal.administrator(name, id=other, **asked).refusal == (404, "upload_not_found")


# sign_parts


@rule
def parts_are_signed_as_often_as_they_are_asked_for(portal: PortalInTest) -> None:
    created = create(portal, size=7 * MIB).result
    upload = created["upload"]

    for _ in range(2):
        signed = portal.publisher("sign_parts", id=upload["id"], part_numbers=[1]).result
        send({"upload": upload, "parts": signed}, bytes(7 * MIB))

    assert portal.publisher("show", id=upload["id"]).result["stored"] == "1"


@rule
def part_numbers_outside_the_plan_or_no_numbers_are_refused(portal: PortalInTest) -> None:
    upload_id = create(portal).result["upload"]["id"]

    for numbers in ([0], [2], [1, 2], [10_001]):
        refused = portal.publisher("sign_parts", id=upload_id, part_numbers=numbers)
        assert refused.refusal == (422, "part_outside_plan"), numbers
        assert refused.body["part_count"] == 1
    for numbers in (None, [], "1", ["1"], [1.5], [True], {"1": 1}):
        refused = portal.publisher("sign_parts", id=upload_id, part_numbers=numbers)
        assert refused.refusal == (422, "invalid_request"), numbers
    too_many = portal.publisher("sign_parts", id=upload_id, part_numbers=[1] * 1001)
    assert too_many.refusal == (422, "too_many_parts")


@rule
def nothing_is_signed_for_an_upload_that_is_not_open(portal: PortalInTest) -> None:
    done, given_up = completed(portal), sent(portal)
    portal.publisher("abort", id=given_up)

    for upload_id, state in ((done, "completed"), (given_up, "aborted")):
        refused = portal.publisher("sign_parts", id=upload_id, part_numbers=[1])
        assert refused.refusal == (409, "upload_not_open")
        assert refused.body["state"] == state


# show and list


@rule
def show_says_what_the_store_has_now(portal: PortalInTest) -> None:
    created = create(portal, size=12 * MIB).result
    upload_id, part_size = created["upload"]["id"], created["upload"]["part_size"]
    assert portal.publisher("show", id=upload_id).result["stored"] == ""

    send({**created, "parts": created["parts"][:1]}, bytes(12 * MIB))

    shown = portal.publisher("show", id=upload_id).result
    assert (shown["stored"], shown["stored_bytes"]) == ("1", part_size)


@rule
def list_has_what_is_not_attached_yet_the_newest_first(portal: PortalInTest) -> None:
    unfinished, done = sent(portal), completed(portal)
    given_up, expired, attached = sent(portal), sent(portal), completed(portal)
    portal.publisher("abort", id=given_up)
    portal.expire(expired)
    portal.attach(attached)
    elsewhere = sent(portal, owner=portal.other_owner)

    listed = portal.publisher("list", owner=portal.owner).result

    assert [each["id"] for each in listed] == [done, unfinished]
    assert all(each.keys() >= UPLOAD_FIELDS for each in listed)
    there = portal.publisher("list", owner=portal.other_owner).result
    assert [each["id"] for each in there] == [elsewhere]


# complete


@rule
def completing_again_answers_the_same(portal: PortalInTest) -> None:
    upload_id = sent(portal)

    first = portal.publisher("complete", id=upload_id).result
    again = portal.publisher("complete", id=upload_id).result

    assert first["state"] == "completed"
    assert (first["stored"], first["stored_bytes"]) == ("1", len(CONTENT))
    assert again == first
    assert portal.publisher("show", id=upload_id).result == first


@rule
def completing_what_is_attached_answers_it(portal: PortalInTest) -> None:
    upload_id = completed(portal)
    portal.attach(upload_id)

    assert portal.publisher("complete", id=upload_id).result["state"] == "attached"


@rule
def completing_names_the_parts_that_are_missing(portal: PortalInTest) -> None:
    created = create(portal, size=30 * MIB).result
    upload_id = created["upload"]["id"]
    send({**created, "parts": created["parts"][1:2]}, bytes(30 * MIB))

    refused = portal.publisher("complete", id=upload_id)

    assert refused.refusal == (409, "parts_missing")
    count = created["upload"]["part_count"]
    assert refused.body["missing"] == ("1,3" if count == 3 else f"1,3-{count}")
    # It can go on.
    send({**created, "parts": [created["parts"][0], *created["parts"][2:]]}, bytes(30 * MIB))
    assert portal.publisher("complete", id=upload_id).result["state"] == "completed"


@rule
def a_checksum_that_differs_is_refused_and_nothing_is_completed(portal: PortalInTest) -> None:
    created = create(portal).result
    upload = created["upload"]
    send(created, CONTENT)
    algorithm = upload["checksum_algorithm"] or "MD5"
    wrong = {"algorithm": algorithm, "value": WRONG_CHECKSUMS[algorithm]}

    refused = portal.publisher("complete", id=upload["id"], checksum=wrong)

    assert refused.refusal == (422, "content_differs")
    assert portal.publisher("abort", id=upload["id"]).result["state"] == "aborted"
    assert portal.objects() == []


@rule
def a_checksum_that_is_none_is_refused(portal: PortalInTest) -> None:
    upload_id = sent(portal)

    for checksum in (5, [1], {"algorithm": "CRC64NVME"}, {"algorithm": "CRC64NVME", "value": 5}):
        refused = portal.publisher("complete", id=upload_id, checksum=checksum)
        assert refused.refusal == (422, "invalid_request"), checksum
    assert portal.publisher("show", id=upload_id).result["state"] == "uploading"


@rule
def many_completions_at_once_complete_once(portal: PortalInTest) -> None:
    upload_id = sent(portal)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: portal.publisher("complete", id=upload_id), range(8)))

    assert {answer.status for answer in answers} <= {200, 503}
    done = portal.publisher("complete", id=upload_id).result
    assert all(answer.body == done for answer in answers if answer.status == 200)
    assert len(portal.objects()) == 1


@rule
def a_completion_whose_answer_was_lost_is_found(portal: PortalInTest) -> None:
    for name in ("show", "complete"):
        for operation in COMPLETING_REQUESTS:
            upload_id = sent(portal)
            with loses_answer(portal.store, operation):
                refused = portal.publisher("complete", id=upload_id)
            assert refused.refusal == (503, "store_unavailable"), (name, operation)

            shown = portal.publisher(name, id=upload_id).result

            expected = "uploading" if (name, operation) == ("show", "ListParts") else "completed"
            assert shown["state"] == expected, (name, operation)
            assert portal.publisher("complete", id=upload_id).result["state"] == "completed"
            portal.forget_failures()


@rule
def a_completion_that_was_killed_is_found(portal: PortalInTest) -> None:
    """Also one whose process died between the store's last answer and its own commit (after HeadObject)."""
    for name in ("show", "complete"):
        for operation in COMPLETING_REQUESTS:
            for moment in (BEFORE, AFTER):
                upload_id = sent(portal)
                portal.killed(
                    moment,
                    operation,
                    lambda upload_id=upload_id: portal.publisher("complete", id=upload_id),
                )

                shown = portal.publisher(name, id=upload_id).result

                is_done = operation == "HeadObject" or (operation, moment) == (
                    "CompleteMultipartUpload",
                    AFTER,
                )
                expected = "completed" if is_done or name == "complete" else "uploading"
                assert shown["state"] == expected, (name, moment, operation)
                assert portal.publisher("complete", id=upload_id).result["state"] == "completed"
    assert portal.unfinished() == []


# abort


@rule
def giving_up_again_answers_the_same_and_nothing_is_left(portal: PortalInTest) -> None:
    for upload_id in (sent(portal), completed(portal)):
        first = portal.publisher("abort", id=upload_id).result
        again = portal.publisher("abort", id=upload_id).result

        assert first["state"] == "aborted"
        assert again == first
    assert portal.objects() == []
    assert portal.unfinished() == []


@rule
def what_was_given_up_is_not_completed(portal: PortalInTest) -> None:
    upload_id = sent(portal)
    portal.publisher("abort", id=upload_id)

    refused = portal.publisher("complete", id=upload_id)

    assert refused.refusal == (409, "upload_not_open")
    assert refused.body["state"] == "aborted"


@rule
def what_is_attached_is_not_given_up(portal: PortalInTest) -> None:
    upload_id = completed(portal)
    portal.attach(upload_id)

    assert portal.publisher("abort", id=upload_id).refusal == (409, "already_attached")
    assert len(portal.objects()) == 1


@rule
def giving_up_whose_answer_was_lost_is_made_good(portal: PortalInTest) -> None:
    for make in (sent, completed):
        upload_id = make(portal)
        with loses_answer(portal.store, "AbortMultipartUpload"):
            assert portal.publisher("abort", id=upload_id).refusal == (503, "store_unavailable")

        assert portal.publisher("abort", id=upload_id).result["state"] == "aborted"
    assert portal.objects() == []
    assert portal.unfinished() == []


@rule
def what_the_store_did_not_let_go_is_attached_by_nobody(portal: PortalInTest) -> None:
    """Its object may be gone although the answer was lost."""
    upload_id = completed(portal)
    with refuses(portal.store, "DeleteObject"):
        assert portal.publisher("abort", id=upload_id).refusal == (502, "store_failed")

    assert portal.publisher("list", owner=portal.owner).result == []
    assert portal.publisher("complete", id=upload_id).refusal == (409, "upload_not_open")

    assert portal.publisher("abort", id=upload_id).result["state"] == "aborted"
    assert portal.objects() == []


@rule
def an_unfinished_upload_that_the_store_did_not_let_go_can_be_resumed(portal: PortalInTest) -> None:
    upload_id = sent(portal)
    with refuses(portal.store, "AbortMultipartUpload"):
        assert portal.publisher("abort", id=upload_id).refusal == (502, "store_failed")

    assert portal.publisher("complete", id=upload_id).result["state"] == "completed"


@rule
def giving_up_that_was_killed_is_made_good(portal: PortalInTest) -> None:
    for make in (sent, completed):
        for moment in (BEFORE, AFTER):
            upload_id = make(portal)
            portal.killed(
                moment,
                "AbortMultipartUpload",
                lambda upload_id=upload_id: portal.publisher("abort", id=upload_id),
            )
            # Nobody makes a file of what is being given up.
            assert portal.publisher("complete", id=upload_id).refusal == (409, "upload_not_open")

            assert portal.publisher("abort", id=upload_id).result["state"] == "aborted"
    assert portal.objects() == []
    assert portal.unfinished() == []


@rule
def completing_and_giving_up_at_once_leave_one_or_the_other(portal: PortalInTest) -> None:
    upload_id = sent(portal)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: portal.publisher(name, id=upload_id), ("complete", "abort")))

    assert {answer.status for answer in answers} <= {200, 409, 503}
    state = portal.publisher("show", id=upload_id).result["state"]
    assert state in ("completed", "aborted", "uploading")
    assert len(portal.objects()) == (state == "completed")
    assert len(portal.unfinished()) == (state == "uploading")


# credentials


@rule
def without_a_role_there_are_no_session_credentials(portal: PortalInTest) -> None:
    portal.without_role()
    upload_id = create(portal).result["upload"]["id"]

    for asked in ({"id": upload_id}, {"owner": portal.owner}):
        assert portal.publisher("credentials", **asked).refusal == (501, "credentials_not_configured")


@rule
def there_are_no_session_credentials_for_what_is_not_open(portal: PortalInTest) -> None:
    portal.without_role()

    assert portal.publisher("credentials", id=completed(portal)).refusal == (409, "upload_not_open")
