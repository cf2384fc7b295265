"""``ckan s3multipart verify``: published files are compared with what the store has."""

import hashlib
import json
from typing import Any

import pytest
from callers import Caller
from ckan import model
from click.testing import CliRunner, Result

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep import fixity
from ckanext.s3multipart.upkeep.fixity_model import Fixity, FixityRound
from s3portal.server.testing import RunningServer

CONTENT = bytes(range(256)) * 24 * 1024  # 6 MiB: two parts
CRC = {"checksum_algorithm": None, "checksum_value": None}


@pytest.fixture(autouse=True)
def nothing_else(portal: object) -> None:
    """Files of other tests are none of ours."""
    model.Session.query(UploadRow).filter_by(state="attached").delete()
    model.Session.query(FixityRound).delete()
    model.Session.commit()


def verify(*options: str) -> Result:
    return CliRunner().invoke(s3multipart, ["verify", *options])


def report(*options: str) -> dict[str, Any]:
    said = verify("--json", *options)
    assert said.stdout, repr(said.exception)
    return json.loads(said.stdout)


def row_of(resource: dict[str, Any]) -> UploadRow:
    return model.Session.query(UploadRow).filter_by(resource_id=resource["id"]).one()


def overwrite(resource: dict[str, Any], content: bytes) -> None:
    """Somebody with other keys writes to the bucket."""
    portal_store().client().put_object(Bucket=portal_store().bucket, Key=row_of(resource).key, Body=content)


class TestWithoutDownloading:
    def test_all_is_well(self, publisher: Caller, s3_server: RunningServer) -> None:
        publisher.publish()
        publisher.publish(CONTENT)
        before = len(s3_server.requests)

        said = verify()

        assert said.exit_code == 0, said.output
        assert "2 of 2 files are as they were recorded" in said.output
        assert {each.operation for each in s3_server.requests[before:]} == {"HeadObject"}

    @pytest.mark.parametrize(
        ("content", "problem"), [(b"12", "size"), (b"2,1", "ETag")], ids=["shorter", "same size"]
    )
    def test_what_was_overwritten_is_named(self, publisher: Caller, content: bytes, problem: str) -> None:
        publisher.publish(filename="fine.csv")
        resource = publisher.publish(filename="overwritten.csv")
        overwrite(resource, content)

        said = verify()

        assert said.exit_code == 1
        assert f"overwritten.csv (dataset {publisher.dataset}, resource {resource['id']}): {problem}" in (
            said.output
        )
        assert row_of(resource).key in said.output
        assert "1 of 2 files are as they were recorded" in said.output
        [found] = report("--restart")["problems"]
        assert found["problem"] == problem

    def test_what_is_missing_is_named(self, publisher: Caller) -> None:
        resource = publisher.publish()
        portal_store().client().delete_object(Bucket=portal_store().bucket, Key=row_of(resource).key)

        [found] = report()["problems"]

        assert (found["problem"], found["key"]) == ("missing", row_of(resource).key)

    def test_a_file_that_goes_to_another_key_meanwhile_is_not_missing(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resource = publisher.publish()
        store, old_key = portal_store(), row_of(resource).key
        new_key = f"{old_key}.moved"
        verify_file = fixity.verify_file

        def after_a_move(*asked: Any, **options: Any) -> Any:
            if row_of(resource).key == old_key:
                source = {"Bucket": store.bucket, "Key": old_key}
                copied = store.client().copy_object(Bucket=store.bucket, Key=new_key, CopySource=source)
                store.client().delete_object(Bucket=store.bucket, Key=old_key)
                moved = row_of(resource)
                moved.key, moved.etag = new_key, copied["CopyObjectResult"]["ETag"].strip('"')
                model.Session.commit()
            model.Session.remove()
            return verify_file(*asked, **options)

        monkeypatch.setattr(fixity, "verify_file", after_a_move)
        monkeypatch.setattr(fixity, "_AT_A_TIME", 1)
        said = report()

        assert (said["problems"], said["verified"], said["finished"]) == ([], 1, True)

    def test_a_checksum_that_differs_is_found(self, publisher: Caller) -> None:
        resource = publisher.publish()
        row_of(resource).checksum_value = "AAAAAAAAAAA="
        model.Session.commit()

        assert [each["problem"] for each in report()["problems"]] == ["checksum"]

    def test_metrics(self, publisher: Caller) -> None:
        publisher.publish()
        overwrite(publisher.publish(), b"x")

        said = verify("--metrics")

        assert 's3multipart_fixity_files{state="as_recorded"} 1\n' in said.stdout
        assert 's3multipart_fixity_files{state="size"} 1\n' in said.stdout
        assert "s3multipart_fixity_finished 1\n" in said.stdout


class TestResuming:
    def test_what_was_verified_is_not_asked_again(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch, s3_server: RunningServer
    ) -> None:
        for _ in range(3):
            publisher.publish()

        def stop(verified: int, _total: int) -> None:
            if verified == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fixity.verify(heard=stop)
        model.Session.rollback()
        before = len(s3_server.requests)

        resumed = report()

        assert (resumed["resumed"], resumed["verified"], resumed["finished"]) == (True, 3, True)
        assert len(s3_server.requests) - before == 1
        assert report()["resumed"] is False

    def test_a_store_that_fails_leaves_the_rest_for_the_next_time(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fine, bad = publisher.publish(), publisher.publish()
        look_at, bad_key = fixity.verify_file, row_of(bad).key

        def fails(store: Any, file: Any, *, deep: bool) -> Any:
            if file.upload.key == bad_key:
                raise fixity.StoreError(operation="HeadObject")
            return look_at(store, file, deep=deep)

        with monkeypatch.context() as patched:
            patched.setattr(fixity, "verify_file", fails)
            said = verify()
        assert said.exit_code == 2
        assert model.Session.query(Fixity).filter_by(upload_id=row_of(fine).id).one().problem is None

        assert verify().exit_code == 0
        assert model.Session.query(FixityRound).count() == 1


class TestDeep:
    def test_a_file_with_a_checksum_is_not_read(self, publisher: Caller, s3_server: RunningServer) -> None:
        publisher.publish()
        before = len(s3_server.requests)

        assert report("--deep")["streamed"] == 0

        assert {each.operation for each in s3_server.requests[before:]} == {"HeadObject"}

    def test_a_file_without_one_is_read_and_its_sha256_kept(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)
        forget_checksum(resource)

        found = report("--deep")

        assert (found["streamed"], found["problems"]) == (1, [])
        model.Session.expire_all()
        assert row_of(resource).sha256 == hashlib.sha256(CONTENT).hexdigest()

    def test_a_sha256_that_was_never_right_is_corrected(self, publisher: Caller) -> None:
        resource = publisher.publish(CONTENT)
        forget_checksum(resource)
        row_of(resource).sha256 = "0" * 64
        model.Session.commit()

        assert report("--deep")["problems"] == []

        model.Session.expire_all()
        assert row_of(resource).sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert publisher.do("resource_show", id=resource["id"])["hash"] == row_of(resource).sha256

    @pytest.mark.parametrize("known", [True, False], ids=["by SHA-256", "by the parts' MD5s"])
    def test_damage_that_the_store_does_not_notice_is_found(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch, known: bool
    ) -> None:
        resource = publisher.publish(CONTENT)
        forget_checksum(resource)
        if known:
            row_of(resource).sha256 = hashlib.sha256(CONTENT).hexdigest()
            model.Session.commit()
        damaged = CONTENT[:-1] + b"x"
        monkeypatch.setattr(
            "ckanext.s3multipart.upkeep.file_verifying.read_object", lambda *_: iter([damaged])
        )

        [problem] = report("--deep")["problems"]

        assert problem["problem"] == ("SHA-256" if known else "content")


def forget_checksum(resource: dict[str, Any]) -> None:
    """As with a store that computes none."""
    row = row_of(resource)
    row.checksum_algorithm = row.checksum_value = None
    model.Session.commit()
