"""What is signed, shown and listed of an upload, and what is issued for it."""

from contract_portal import PortalInTest, send
from contract_rule import MIB, UPLOAD_FIELDS, completed, create, rule, sent


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
    # Nobody has to wait for the portal's daily round.
    assert portal.publisher("abort", id=expired).result["state"] == "aborted"


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
