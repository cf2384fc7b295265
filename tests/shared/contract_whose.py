"""Whose upload it is: publishers see their own, administrators of the owner those of others."""

from contract_portal import PortalInTest
from contract_rule import FOR_AN_UPLOAD, NOBODYS, create, rule, sent


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


@rule
def administrators_of_the_owner_list_uploads_of_everybody(portal: PortalInTest) -> None:
    mine = sent(portal)
    theirs = create(portal, portal.colleague).result["upload"]["id"]

    listed = portal.administrator("list_all", owner=portal.owner).result

    assert [each["id"] for each in listed] == [theirs, mine]
    assert len({each["publisher"] for each in listed}) == 2
    for person in (portal.colleague, portal.stranger):
        assert person("list_all", owner=portal.owner).status == 403


@rule
def administrators_of_the_owner_hand_uploads_over(portal: PortalInTest) -> None:
    upload_id = sent(portal, idempotency_key="once")
    handed = {"id": upload_id, "user": portal.colleague_name}
    assert portal.colleague("hand_over", **handed).refusal == (404, "upload_not_found")
    refused = portal.administrator("hand_over", id=upload_id, user=portal.stranger_name)
    assert refused.refusal == (409, "cannot_take_over")

    assert portal.administrator("hand_over", **handed).result["id"] == upload_id

    assert portal.publisher("show", id=upload_id).refusal == (404, "upload_not_found")
    assert create(portal, idempotency_key="once").result["upload"]["id"] != upload_id
    assert portal.colleague("complete", id=upload_id).result["state"] == "completed"
    portal.colleague("abort", id=upload_id)
    assert portal.administrator("hand_over", **handed).refusal == (409, "upload_not_open")
