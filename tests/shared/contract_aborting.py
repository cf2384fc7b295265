"""Giving an upload up: nothing of it is left, whatever is lost or killed."""

from concurrent.futures import ThreadPoolExecutor

from contract_portal import PortalInTest, loses_answer, refuses
from contract_rule import completed, rule, sent
from killed import AFTER, BEFORE


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
