"""CKAN 2.12's own storages (``ckan.files``) beside the extension: a file stays with whom it was given to."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from callers import Answer, Caller
from shown_links import CONTENT

files = pytest.importorskip("ckan.lib.files")

OTHER = b"station,level\nB,2\n"


@pytest.fixture(autouse=True)
def resources_storage(tmp_path: Path) -> Iterator[Path]:
    """The storage that CKAN gives files of resources to, as an administrator configures it; its folder."""
    folder = tmp_path / "resources"
    settings = {"type": "ckan:fs", "path": str(folder), "initialize": True, "overwrite_existing": True}
    files.storages.register("resources", files.make_storage("resources", settings))
    yield folder
    files.storages.pop("resources")


def stored(folder: Path) -> list[bytes]:
    """What is in CKAN's storage."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_file_by_ckans_field_is_in_its_storage(
    publisher: Caller, anonymous: Caller, resources_storage: Path
) -> None:
    resource = publisher.upload_through_ckan(CONTENT, "rivers.csv")

    assert stored(resources_storage) == [CONTENT]
    answer = anonymous.get(resource["url"])
    assert (answer.status_code, answer.data) == (200, CONTENT)


def test_a_file_by_the_uploader_is_not(publisher: Caller, anonymous: Caller, resources_storage: Path) -> None:
    resource = publisher.publish(CONTENT, filename="rivers.csv")

    assert stored(resources_storage) == []
    assert anonymous.follow(resource["url"]).content == CONTENT


def test_a_file_of_the_storage_is_replaced_by_an_upload(
    publisher: Caller, anonymous: Caller, resources_storage: Path
) -> None:
    resource = publisher.upload_through_ckan(CONTENT, "rivers.csv")
    upload = publisher.upload(OTHER, filename="rivers.csv", resource=resource["id"])

    replaced = publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

    assert replaced["size"] == len(OTHER)
    assert anonymous.follow(replaced["url"]).content == OTHER


def test_an_upload_is_replaced_by_a_file_of_the_storage(
    publisher: Caller, anonymous: Caller, resources_storage: Path
) -> None:
    resource = publisher.publish(CONTENT, filename="rivers.csv")

    replaced = publisher.upload_through_ckan(OTHER, "rivers.csv", id=resource["id"])

    assert stored(resources_storage) == [OTHER]
    assert replaced["size"] == len(OTHER)
    answer = anonymous.get(replaced["url"])
    assert (answer.status_code, answer.data) == (200, OTHER)


def test_a_private_file_of_the_storage_is_private(
    publisher: Caller, anonymous: Caller, resources_storage: Path
) -> None:
    resource = publisher.upload_through_ckan(CONTENT, "rivers.csv")
    publisher.do("package_patch", id=publisher.dataset, private=True)

    assert anonymous.get(resource["url"]).status_code in (403, 404)
    assert publisher.get(resource["url"]).data == CONTENT


def test_a_file_that_was_removed_from_the_storage_is_said_to_be_gone(
    publisher: Caller, anonymous: Caller, resources_storage: Path
) -> None:
    resource = publisher.upload_through_ckan(CONTENT, "rivers.csv")
    for path in resources_storage.rglob("*"):
        if path.is_file():
            path.unlink()

    assert anonymous.get(resource["url"]).status_code == 404


def test_a_file_of_the_files_api_is_not_touched(publisher: Caller, resources_storage: Path) -> None:
    """``file_create`` stores files that belong to no resource yet."""
    resource = publisher.publish(CONTENT, filename="rivers.csv")
    response = publisher.client().post(
        "/api/3/action/file_create",
        data={"name": "notes.txt", "storage": "resources", "upload": (io.BytesIO(OTHER), "notes.txt")},
        headers=publisher.headers,
    )

    assert Answer(response.status_code, response.get_json()).status in (200, 403)
    assert publisher.follow(resource["url"]).content == CONTENT
