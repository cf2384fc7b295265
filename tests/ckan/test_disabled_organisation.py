"""An organisation that leaves ``enabled_orgs``: nothing more is uploaded to it, and what is done is kept."""

from collections.abc import Callable

import pytest
from callers import Caller

Setting = Callable[[str, object], None]


@pytest.fixture
def leave(setting: Setting) -> Callable[[], None]:
    """The administrator takes the organisation out of the setting."""
    return lambda: setting("enabled_orgs", "another")


@pytest.mark.parametrize("action", ["resource_create", "resource_patch", "package_patch"])
def test_a_completed_upload_is_still_attached(
    publisher: Caller, leave: Callable[[], None], action: str
) -> None:
    resource = publisher.do("resource_create", package_id=publisher.dataset, url="http://example.org/a.csv")
    upload = publisher.upload(b"1,2")
    leave()

    file = {"s3multipart_upload_id": upload["id"]}
    asked = {
        "resource_create": {"package_id": publisher.dataset, **file},
        "resource_patch": {"id": resource["id"], **file},
        "package_patch": {"id": publisher.dataset, "resources": [{**resource, **file}]},
    }
    publisher.do(action, **asked[action])

    saved = publisher.do("package_show", id=publisher.dataset)["resources"][-1]
    assert publisher.follow(saved["url"]).content == b"1,2"


@pytest.mark.parametrize(
    "action", ["s3multipart_upload_complete", "s3multipart_upload_sign_parts", "s3multipart_credentials"]
)
def test_nothing_more_is_uploaded(publisher: Caller, leave: Callable[[], None], action: str) -> None:
    upload = publisher.begin()
    leave()

    parts = {"part_numbers": [1]} if action == "s3multipart_upload_sign_parts" else {}
    refused = publisher.call(action, id=upload["id"], **parts)

    assert (refused.status, refused.error["code"]) == (403, "organisation_not_enabled")


def test_its_publishers_see_and_discard_what_they_began(publisher: Caller, leave: Callable[[], None]) -> None:
    upload = publisher.begin()
    leave()

    assert [each["id"] for each in publisher.do("s3multipart_upload_list")] == [upload["id"]]
    assert publisher.do("s3multipart_upload_abort", id=upload["id"])["state"] == "aborted"


def test_its_files_stay_where_they_are(publisher: Caller, leave: Callable[[], None]) -> None:
    resource = publisher.publish(b"1,2")
    leave()

    publisher.do("resource_patch", id=resource["id"], name="Another name")

    assert publisher.follow(resource["url"]).content == b"1,2"
