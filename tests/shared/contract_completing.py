"""Completing an upload: once, whatever is lost or killed."""

from concurrent.futures import ThreadPoolExecutor

from contract_portal import PortalInTest, loses_answer, send
from contract_rule import COMPLETING_REQUESTS, CONTENT, MIB, WRONG_CHECKSUMS, completed, create, rule, sent
from killed import AFTER, BEFORE


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
