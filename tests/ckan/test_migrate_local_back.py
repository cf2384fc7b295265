"""`ckan s3multipart migrate`: files come back to CKAN's own storage."""

from pathlib import Path

from callers import Caller
from ckan import model
from killed import AFTER, ended
from killed_ckan import in_another_process
from migrated_files import LARGE, Migration, download, object_of, path_of, row_of
from migrated_files import migration as migration  # a fixture
from migrated_files import storage as storage  # a fixture

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import portal_store


class TestBack:
    def test_files_that_were_never_local_come_to_ckan_and_can_go_again(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        resource = publisher.publish(LARGE, filename="large.nc")
        row = row_of(resource)
        key = row.key
        before = publisher.do("resource_show", id=resource["id"])

        assert "1 files are now in CKAN's own storage" in migration.run("back")

        assert row_of(resource) is None
        assert path_of(storage, resource).read_bytes() == LARGE
        assert download(publisher, resource) == LARGE
        assert publisher.do("resource_show", id=resource["id"])["url"] == before["url"]
        assert portal_store().client().head_object(Bucket=portal_store().bucket, Key=key)
        migration.run("revert")
        assert publisher.do("resource_show", id=resource["id"]) == before
        assert object_of(row_of(resource)) == LARGE

    def test_an_older_file_in_the_place_is_kept_beside_it(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        resource = publisher.upload_through_ckan(b"old", "rivers.csv")
        upload = publisher.upload(b"new", resource=resource["id"])
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=upload["id"])

        migration.run("back")

        assert download(publisher, resource) == b"new"
        [kept] = path_of(storage, resource).parent.glob("*.before-*")
        assert kept.read_bytes() == b"old"

    def test_what_arrives_damaged_is_not_used(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        resource = publisher.publish(b"1,2")
        rows = UploadRow.__table__
        model.Session.execute(
            rows.update().where(rows.c.resource_id == resource["id"]).values(sha256="0" * 64)
        )
        model.Session.commit()

        said = migration.run("back", fails=True)

        assert "SHA-256" in said
        assert row_of(resource) is not None
        assert not path_of(storage, resource).exists()

    def test_killed_in_the_middle_it_continues(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        resources = [publisher.publish(f"{n}".encode(), filename=f"{n}.csv") for n in range(3)]
        killed = in_another_process(
            lambda: migration.run("back", "--threads", "1"), killed_at=(AFTER, "GetObject")
        )
        assert ended(killed) == "killed"

        migration.run("back")

        assert [download(publisher, each) for each in resources] == [b"0", b"1", b"2"]
        assert [row_of(each) for each in resources] == [None, None, None]
