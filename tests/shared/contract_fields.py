"""Fields that a call does not take: misspelt ones are refused by name, before anything is done."""

from contract_portal import PortalInTest
from contract_rule import FOR_AN_UPLOAD, create, rule


@rule
def a_misspelt_field_is_refused_by_name(portal: PortalInTest) -> None:
    refused = portal.publisher("create", owner=portal.owner, file_name="gauges.csv", size=3)

    assert refused.refusal == (422, "invalid_request")
    assert (refused.body["field"], refused.body["nearest"]) == ("file_name", "filename")
    assert "filename" in refused.body["known"]
    assert "file_name" in refused.body["message"]
    assert portal.publisher("list", owner=portal.owner).result == []
    assert portal.unfinished() == []


@rule
def a_field_that_is_like_no_other_is_ignored(portal: PortalInTest) -> None:
    """As clients of other versions may send it."""
    assert create(portal, zzz=1).result["upload"]["state"] == "uploading"


@rule
def a_field_that_is_like_one_that_is_given_is_ignored(portal: PortalInTest) -> None:
    assert (
        create(portal, filename="gauges.csv", filenames=["gauges.csv"]).result["upload"]["filename"]
        == "gauges.csv"
    )


@rule
def every_call_about_an_upload_refuses_a_misspelt_field(portal: PortalInTest) -> None:
    upload_id = create(portal).result["upload"]["id"]
    for name, asked in FOR_AN_UPLOAD:
        refused = portal.publisher(name, idd=upload_id, **asked)
        assert refused.refusal == (422, "invalid_request"), name
        assert (refused.body["field"], refused.body["nearest"]) == ("idd", "id"), name
    refused = portal.administrator("hand_over", id=upload_id, users=portal.colleague_name)
    assert (refused.body["field"], refused.body["nearest"]) == ("users", "user")
    assert portal.publisher("show", id=upload_id).result["state"] == "uploading"


@rule
def the_name_of_a_field_may_be_anything(portal: PortalInTest) -> None:
    for name in ("", "a" * 10_000, "a\x00b", "%(field)s %s", "<script>", "\ud800"):
        assert create(portal, **{name: "a"}).result["upload"]["state"] == "uploading", name
    refused = create(portal, **{"fingerprint\ud800": "a"})
    assert refused.refusal == (422, "invalid_request")
    assert len(refused.body["field"]) < 100


@rule
def credentials_are_for_an_upload_or_for_a_prefix(portal: PortalInTest) -> None:
    if not portal.names_owner:
        return
    upload_id = create(portal).result["upload"]["id"]

    refused = portal.publisher("credentials", id=upload_id, owner=portal.owner)

    assert refused.refusal == (422, "invalid_request")
    assert refused.body["field"] == "owner"
    assert "id" in refused.body["message"]
