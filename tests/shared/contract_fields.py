"""Fields that a call does not take: refused by name, before anything is done."""

from contract_portal import PortalInTest
from contract_rule import FOR_AN_UPLOAD, create, rule


@rule
def a_field_that_the_call_does_not_take_is_refused_by_name(portal: PortalInTest) -> None:
    refused = create(portal, file_name="gauges.csv")

    assert refused.refusal == (422, "invalid_request")
    assert (refused.body["field"], refused.body["nearest"]) == ("file_name", "filename")
    assert "filename" in refused.body["known"]
    assert "file_name" in refused.body["message"]
    assert portal.publisher("list", owner=portal.owner).result == []
    assert portal.unfinished() == []


@rule
def a_field_that_is_like_no_other_is_refused_with_those_that_are_known(portal: PortalInTest) -> None:
    refused = create(portal, zzz=1)

    assert refused.refusal == (422, "invalid_request")
    assert refused.body["field"] == "zzz"
    assert "nearest" not in refused.body
    assert "idempotency_key" in refused.body["message"]


@rule
def every_call_refuses_fields_that_it_does_not_take(portal: PortalInTest) -> None:
    upload_id = create(portal).result["upload"]["id"]
    calls = [(name, {"id": upload_id, **asked}) for name, asked in FOR_AN_UPLOAD]
    handing_over = {"id": upload_id, "user": portal.colleague_name}
    for person, name, asked in (
        *((portal.publisher, *call) for call in calls),
        (portal.publisher, "list", {"owner": portal.owner}),
        (portal.administrator, "hand_over", handing_over),
    ):
        refused = person(name, **asked, filname="a")
        assert refused.refusal == (422, "invalid_request"), name
        assert refused.body["field"] == "filname", name
    assert portal.publisher("show", id=upload_id).result["state"] == "uploading"


@rule
def the_name_of_a_field_may_be_anything(portal: PortalInTest) -> None:
    for name in ("", "a" * 10_000, "a\x00b", "%(field)s %s", "<script>", "\ud800", "Filename"):
        refused = create(portal, **{name: "a"})
        assert refused.refusal == (422, "invalid_request"), name
        assert len(refused.body["field"]) < 100
        assert refused.body["message"]


@rule
def credentials_are_for_an_upload_or_for_a_prefix(portal: PortalInTest) -> None:
    if not portal.names_owner:
        return
    upload_id = create(portal).result["upload"]["id"]

    refused = portal.publisher("credentials", id=upload_id, owner=portal.owner)

    assert refused.refusal == (422, "invalid_request")
    assert refused.body["field"] == "owner"
    assert "id" in refused.body["message"]
