"""``s3multipart_file_list``: which files a dataset has, whatever its resources' fields say, and who is told
what."""

import pytest
from callers import Caller, new_publisher, new_stranger

CONTENT = b"station,level\nA,1\n"


def files(caller: Caller, dataset: str) -> list[dict]:
    return caller.do("s3multipart_file_list", owner=dataset)


@pytest.mark.smoke
def test_it_says_what_is_known_of_each_file(publisher: Caller) -> None:
    upload = publisher.upload(CONTENT, filename="Flüsse.csv", fingerprint="18/1795251600000/0eb6fdbb89d04d0b")
    resource = publisher.attach(upload)

    (file,) = files(publisher, publisher.dataset)

    assert file.pop("attached_at") > upload["updated_at"]
    assert file == {
        "resource": resource["id"],
        "upload": upload["id"],
        "filename": "Flüsse.csv",
        "size": len(CONTENT),
        "content_type": "text/csv",
        "fingerprint": "18/1795251600000/0eb6fdbb89d04d0b",
        "checksum": upload["checksum"],
        "sha256": None,
        "missing_since": None,
    }
    assert upload["checksum"]["value"]


def test_the_dataset_may_be_named_and_a_get_is_enough(publisher: Caller) -> None:
    resource = publisher.publish()
    name = publisher.do("package_show", id=publisher.dataset)["name"]

    answer = publisher.get(f"/api/3/action/s3multipart_file_list?owner={name}")

    assert [file["resource"] for file in answer.json["result"]] == [resource["id"]]


def test_fields_that_others_edit_change_nothing(publisher: Caller) -> None:
    resource = publisher.publish(CONTENT, filename="rivers.csv")
    before = files(publisher, publisher.dataset)

    publisher.do(
        "resource_patch",
        id=resource["id"],
        name="other.png",
        hash="d41d8cd98f00b204e9800998ecf8427e",
        format="PNG",
    )

    assert files(publisher, publisher.dataset) == before


def test_only_files_that_are_files_of_resources_now(publisher: Caller) -> None:
    kept, deleted, replaced, linked = (publisher.publish(content) for content in (b"a", b"b", b"c", b"d"))
    link = publisher.do("resource_create", package_id=publisher.dataset, url="http://example.com/x.csv")
    publisher.upload(b"not attached")
    publisher.do("resource_delete", id=deleted["id"])
    newer = publisher.upload(b"newer", resource=replaced["id"])
    publisher.do("resource_patch", id=replaced["id"], s3multipart_upload_id=newer["id"])
    publisher.do("resource_patch", id=linked["id"], url_type="", url="http://example.com/y.csv")

    found = files(publisher, publisher.dataset)

    assert [(file["resource"], file["size"]) for file in found] == [(kept["id"], 1), (replaced["id"], 5)]
    assert link["id"] not in [file["resource"] for file in found]


def test_in_the_order_of_the_resources(publisher: Caller) -> None:
    first, second = publisher.publish(b"a"), publisher.publish(b"b")
    publisher.do("package_resource_reorder", id=publisher.dataset, order=[second["id"], first["id"]])

    assert [file["resource"] for file in files(publisher, publisher.dataset)] == [second["id"], first["id"]]


class TestWhoIsTold:
    def test_readers_are_told_what_a_download_tells(
        self, portal, publisher: Caller, anonymous: Caller
    ) -> None:
        publisher.publish(CONTENT, fingerprint="18/1795251600000/0eb6fdbb89d04d0b")

        for reader in (anonymous, new_stranger(portal), new_publisher(portal)):
            (file,) = files(reader, publisher.dataset)
            assert (file["upload"], file["fingerprint"]) == (None, None)
            assert (file["filename"], file["size"]) == ("rivers.csv", len(CONTENT))

    @pytest.mark.parametrize("dataset", [{"private": True}, {"state": "draft"}])
    def test_no_one_learns_of_files_of_a_dataset_that_they_may_not_see(
        self, portal, anonymous: Caller, dataset: dict
    ) -> None:
        publisher = new_publisher(portal, **dataset)
        publisher.publish(CONTENT)

        assert len(files(publisher, publisher.dataset)) == 1
        for reader in (anonymous, new_stranger(portal)):
            answer = reader.call("s3multipart_file_list", owner=publisher.dataset)
            assert answer.status == reader.call("package_show", id=publisher.dataset).status == 403

    def test_a_dataset_that_was_deleted(self, publisher: Caller, anonymous: Caller) -> None:
        publisher.publish(CONTENT)
        publisher.do("package_delete", id=publisher.dataset)

        assert anonymous.call("s3multipart_file_list", owner=publisher.dataset).status in (403, 404)

    def test_a_dataset_that_is_not_there(self, publisher: Caller, anonymous: Caller) -> None:
        for caller in (publisher, anonymous):
            assert caller.call("s3multipart_file_list", owner="no-such-dataset").status == 404

    @pytest.mark.parametrize("owner", [None, "", "x\x00y", ["a"], 7, {"id": "a"}])
    def test_what_names_no_dataset(self, anonymous: Caller, owner: object) -> None:
        answer = anonymous.call("s3multipart_file_list", owner=owner)

        assert (answer.status, answer.error["field"]) == (422, "owner")
