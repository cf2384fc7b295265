"""What creating an upload answers, refuses, and makes good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from contract_portal import PortalInTest, loses_answer, refuses, send
from contract_rule import CONTENT, MIB, UPLOAD_FIELDS, create, rule
from killed import AFTER, BEFORE


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
