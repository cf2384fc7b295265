"""``s3multipart_upload_overview``: in one call what a program looks at before it uploads to a dataset."""

from callers import Caller, new_publisher, new_stranger


def test_it_says_what_the_three_calls_say(publisher: Caller) -> None:
    publisher.publish(filename="rivers.csv")
    publisher.do(
        "resource_create", package_id=publisher.dataset, name="Elsewhere", url="http://example.com/x"
    )
    begun = publisher.create(filename="lakes.csv").result["upload"]

    overview = publisher.do("s3multipart_upload_overview", owner=publisher.dataset)

    assert [upload["id"] for upload in overview["uploads"]] == [begun["id"]]
    assert overview["uploads"] == publisher.do("s3multipart_upload_list", owner=publisher.dataset)
    assert overview["files"] == publisher.do("s3multipart_file_list", owner=publisher.dataset)
    resources = publisher.do("package_show", id=publisher.dataset)["resources"]
    assert overview["resources"] == [{"id": each["id"], "name": each["name"] or ""} for each in resources]
    assert overview["resources"][1]["name"] == "Elsewhere"


def test_uploads_of_others_are_not_in_it(portal, publisher: Caller) -> None:
    publisher.create()

    overview = new_stranger(portal).do("s3multipart_upload_overview", owner=publisher.dataset)

    assert overview == {"uploads": [], "files": [], "resources": []}


def test_it_refuses_as_they_do(portal, anonymous: Caller) -> None:
    publisher = new_publisher(portal, private=True)
    publisher.publish()

    signed_out = anonymous.call("s3multipart_upload_overview", owner=publisher.dataset)
    assert (signed_out.status, signed_out.error["code"]) == (401, "not_signed_in")
    stranger = new_stranger(portal)
    assert stranger.call("s3multipart_upload_overview", owner=publisher.dataset).status == 403
    assert stranger.call("s3multipart_upload_overview", owner="no-such-dataset").status == 404
    assert stranger.call("s3multipart_upload_overview").status == 422
