"""Checksums as other tools read them: a SHA-256 in ``hash`` where it is known, the store's own in a field of
its own."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from callers import Caller
from ckan import model
from click.testing import CliRunner

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.uploads import actions, sha256
from ckanext.s3multipart.uploads.file_facts import SHA256_ALGORITHM

Setting = Callable[[str, object], None]
CONTENT = b"gauge,level\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


def publish(publisher: Caller, said: str = SHA256, **asked: Any) -> dict[str, Any]:
    """As ``s3portal upload`` does it."""
    upload = publisher.begin(CONTENT, **asked)
    return publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"], sha256=said))


def show(publisher: Caller, resource: dict[str, Any]) -> dict[str, Any]:
    model.Session.rollback()
    return publisher.do("resource_show", id=resource["id"])


def checksums(*options: str) -> str:
    result = CliRunner().invoke(s3multipart, ["checksums", *options])
    assert result.exit_code == 0, result.output
    return result.output


class TestThatAreSaid:
    def test_a_sha256_becomes_the_hash(self, publisher: Caller) -> None:
        resource = publish(publisher)

        assert (resource["hash"], resource["hash_algorithm"]) == (SHA256, SHA256_ALGORITHM)
        assert resource["s3multipart_checksum"].startswith("crc64nvme:")
        (file,) = publisher.do("s3multipart_file_list", owner=publisher.dataset)
        assert file["sha256"] == SHA256

    def test_capitals_are_the_same(self, publisher: Caller) -> None:
        assert publish(publisher, SHA256.upper())["hash"] == SHA256

    @pytest.mark.parametrize("said", ["abc", SHA256 + "00", "g" * 64, 5, ["a"]])
    def test_what_is_none_is_refused_before_anything_is_done(self, publisher: Caller, said: Any) -> None:
        upload = publisher.begin(CONTENT)

        answer = publisher.call("s3multipart_upload_complete", id=upload["id"], sha256=said)

        assert (answer.status, answer.error["field"]) == (422, "sha256")
        assert publisher.do("s3multipart_upload_show", id=upload["id"])["state"] == "uploading"

    def test_the_first_that_was_said_stays(self, publisher: Caller) -> None:
        resource = publish(publisher)
        (file,) = publisher.do("s3multipart_file_list", owner=publisher.dataset)

        publisher.do("s3multipart_upload_complete", id=file["upload"], sha256="0" * 64)

        assert show(publisher, resource)["hash"] == SHA256

    def test_one_that_is_said_again_before_the_file_is_attached_changes_nothing(
        self, publisher: Caller
    ) -> None:
        upload = publisher.begin(CONTENT)
        for said in (SHA256, "0" * 64):
            completed = publisher.do("s3multipart_upload_complete", id=upload["id"], sha256=said)

        assert publisher.attach(completed)["hash"] == SHA256

    def test_none_is_taken_for_a_published_file(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)
        (file,) = publisher.do("s3multipart_file_list", owner=publisher.dataset)

        publisher.do("s3multipart_upload_complete", id=file["upload"], sha256="0" * 64)

        assert show(publisher, resource)["hash"] == ""
        assert publisher.do("s3multipart_file_list", owner=publisher.dataset)[0]["sha256"] is None


class TestAfterOthersSaved:
    def test_an_md5_of_xloader_stays_and_is_called_no_sha256(self, publisher: Caller) -> None:
        resource = publish(publisher)

        publisher.do("resource_patch", id=resource["id"], hash=MD5)
        publisher.do("resource_patch", id=resource["id"], description="New")

        after = show(publisher, resource)
        assert after["hash"] == MD5
        assert "hash_algorithm" not in after
        assert after["s3multipart_checksum"] == resource["s3multipart_checksum"]

    def test_a_sha256_of_something_else_is_put_right(self, publisher: Caller) -> None:
        resource = publish(publisher)

        publisher.do("resource_patch", id=resource["id"], hash="0" * 64)

        assert show(publisher, resource)["hash"] == SHA256

    @pytest.mark.parametrize("lie", ["crc64nvme:AAAAAAAAAAA=", ""])
    def test_the_store_checksum_cannot_be_edited(self, publisher: Caller, lie: str) -> None:
        resource = publish(publisher)

        publisher.do("resource_patch", id=resource["id"], s3multipart_checksum=lie)

        assert show(publisher, resource)["s3multipart_checksum"] == resource["s3multipart_checksum"]

    def test_a_new_file_has_none_of_the_former(self, publisher: Caller) -> None:
        resource = publish(publisher)
        upload = publisher.upload(b"other", resource=resource["id"])

        after = publisher.do(
            "resource_update", **{**resource, "s3multipart_upload_id": upload["id"], "description": "New"}
        )

        assert after["hash"] == ""
        assert "hash_algorithm" not in after
        assert after["s3multipart_checksum"] == f"crc64nvme:{upload['checksum']['value']}"

    def test_a_link_has_none(self, publisher: Caller) -> None:
        resource = publish(publisher)

        after = publisher.do(
            "resource_patch", id=resource["id"], url_type="", url="https://example.org/a.csv"
        )

        assert after["hash"] == ""
        assert not {"hash_algorithm", "s3multipart_checksum"} & set(after)

    def test_a_copy_has_none(self, publisher: Caller, another_publisher: Caller) -> None:
        resource = publish(publisher)

        copied = another_publisher.do(
            "resource_create", **{**resource, "id": None, "package_id": another_publisher.dataset}
        )

        assert copied["hash"] == ""
        assert not {"hash_algorithm", "s3multipart_checksum"} & set(copied)


class TestInTheBackground:
    @pytest.fixture
    def jobs(self, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        """What the worker is asked to do."""
        jobs: list[list[str]] = []
        monkeypatch.setattr(sha256.tk, "enqueue_job", lambda job, given, **_: jobs.append(given))
        return jobs

    def test_nothing_is_read_unless_the_site_wants_it(self, publisher: Caller, jobs: list[list[str]]) -> None:
        publisher.publish(CONTENT)

        assert jobs == []

    @pytest.mark.parametrize("saved_first", [True, False])
    def test_a_file_of_a_browser_is_read_once(
        self, publisher: Caller, setting: Setting, jobs: list[list[str]], saved_first: bool
    ) -> None:
        setting("sha256_in_background", True)
        upload = publisher.upload(CONTENT)
        assert jobs == [[upload["id"]]]

        if saved_first:
            resource = publisher.attach(upload)
            sha256.compute_in_background(upload["id"])
        else:
            sha256.compute_in_background(upload["id"])
            resource = publisher.attach(upload)

        after = show(publisher, resource)
        assert (after["hash"], after["hash_algorithm"]) == (SHA256, SHA256_ALGORITHM)
        (found,) = publisher.do("package_search", fq=f"id:{publisher.dataset}")["results"]
        assert found["resources"][0]["hash"] == SHA256
        publisher.do("resource_patch", id=resource["id"], description="New")
        assert show(publisher, resource)["hash"] == SHA256

    @pytest.mark.parametrize("said", [SHA256, "0" * 64], ids=["right", "wrong"])
    def test_what_a_program_says_is_compared(
        self,
        publisher: Caller,
        setting: Setting,
        jobs: list[list[str]],
        caplog: pytest.LogCaptureFixture,
        said: str,
    ) -> None:
        setting("sha256_in_background", True)
        resource = publish(publisher, said)
        assert show(publisher, resource)["hash"] == ""
        [job] = jobs

        sha256.compute_in_background(*job)

        assert show(publisher, resource)["hash"] == SHA256
        assert (f"program said {said}" in caplog.text) == (said != SHA256)

    def test_without_redis_the_upload_is_completed(
        self, publisher: Caller, setting: Setting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object, **__: object) -> None:
            raise ConnectionError("redis")

        setting("sha256_in_background", True)
        monkeypatch.setattr(actions, "enqueue_sha256", sha256.enqueue_sha256)
        monkeypatch.setattr(sha256.tk, "enqueue_job", away)

        assert publisher.publish(CONTENT)["size"] == len(CONTENT)

    def test_the_dataset_does_not_look_edited(self, publisher: Caller) -> None:
        upload = publisher.upload(CONTENT)
        publisher.attach(upload)
        before = publisher.do("package_show", id=publisher.dataset)["metadata_modified"]

        sha256.compute_in_background(upload["id"])

        assert publisher.do("package_show", id=publisher.dataset)["metadata_modified"] == before

    def test_what_is_not_the_file_that_was_published_gets_none(self, publisher: Caller) -> None:
        upload = publisher.upload(CONTENT)
        publisher.attach(upload)
        row = model.Session.query(UploadRow).filter_by(id=upload["id"])
        etag = row.one().etag
        row.update({"etag": "0" * 32})
        model.Session.commit()

        sha256.compute_in_background(upload["id"])

        assert row.populate_existing().one().sha256 is None
        row.update({"etag": etag})
        model.Session.commit()


class TestOfEarlierVersions:
    def test_what_they_wrote_is_moved(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)
        as_before(resource)

        assert "1 resources" in checksums()

        after = show(publisher, resource)
        assert (after["hash"], after["s3multipart_checksum"]) == ("", resource["s3multipart_checksum"])
        assert "0 resources" in checksums()

    def test_a_save_moves_it_too(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)
        as_before(resource)

        publisher.do("resource_patch", id=resource["id"], description="New")

        after = show(publisher, resource)
        assert (after["hash"], after["s3multipart_checksum"]) == ("", resource["s3multipart_checksum"])

    def test_an_md5_stays(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)
        as_before(resource, MD5)

        checksums()

        after = show(publisher, resource)
        assert (after["hash"], after["s3multipart_checksum"]) == (MD5, resource["s3multipart_checksum"])

    def test_files_are_read_where_that_is_asked_for(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)

        assert "files were read" in checksums("--compute")

        assert show(publisher, resource)["hash"] == SHA256
        assert "0 files were read" in checksums("--compute")


def as_before(resource: dict[str, Any], hash: str = "") -> None:
    """The resource as version 2.0 described it."""
    row = model.Session.get(model.Resource, resource["id"], populate_existing=True)
    row.extras = {}
    row.hash = hash or resource["s3multipart_checksum"]
    model.Session.commit()
