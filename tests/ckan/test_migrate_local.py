"""`ckan s3multipart migrate`: from CKAN's own storage to the store and back, whatever comes between."""

from collections.abc import Callable
from pathlib import Path

import pytest
from callers import Caller, new_stranger, new_sysadmin
from migrated_files import LARGE, Migration, download, object_of, path_of, row_of
from migrated_files import migration as migration  # a fixture
from migrated_files import storage as storage  # a fixture

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.settings import portal_store


@pytest.mark.smoke
def test_there_and_back_the_links_and_the_bytes_stay(
    migration: Migration, storage: Path, publisher: Caller
) -> None:
    small = publisher.upload_through_ckan(b"1,2\n", "rivers.csv")
    large = publisher.upload_through_ckan(LARGE, "Große Flüsse.nc")
    empty = publisher.upload_through_ckan(b"", "empty.txt")
    before = publisher.do("package_show", id=publisher.dataset)

    said = migration.run("copy")
    assert "3 files copied, 0 were copied before" in said
    assert row_of(small) is None, "nothing changes yet"
    assert publisher.do("package_show", id=publisher.dataset) == before

    migration.run("apply")
    for resource, content in ((small, b"1,2\n"), (large, LARGE), (empty, b"")):
        row = row_of(resource)
        assert object_of(row) == content
        assert download(publisher, resource) == content
        shown = publisher.do("resource_show", id=resource["id"])
        assert (shown["url"], shown["url_type"]) == (resource["url"], "upload")
        assert (shown["size"], shown["hash"]) == (len(content), row.sha256)
    path_of(storage, large).rename(storage / "away")
    assert download(publisher, large) == LARGE, "not from the disk"
    (storage / "away").rename(path_of(storage, large))

    migration.run("revert")
    assert row_of(small) is None
    assert publisher.do("package_show", id=publisher.dataset) == before
    assert download(publisher, large) == LARGE

    assert "3 rows updated" in migration.run("apply")
    assert "0 rows updated, 3 needed no update" in migration.run("apply")
    assert download(publisher, small) == b"1,2\n"


def test_an_object_says_what_those_of_browsers_say_and_saves_keep_it(
    migration: Migration, publisher: Caller
) -> None:
    resource = publisher.upload_through_ckan(b"1,2\n", "rivers.csv", name="Rivers")
    migration.run("copy")
    migration.run("apply")
    row = row_of(resource)

    head = portal_store().client().head_object(Bucket=portal_store().bucket, Key=row.key)
    assert head["Metadata"]["resource"] == resource["id"]
    assert row.key.startswith(f"{publisher.organisation_id}/{publisher.dataset}/{row.id}/")
    assert row.checksum_algorithm == "CRC64NVME"
    publisher.do("resource_patch", id=resource["id"], name="Rivers of the world")
    assert row_of(resource).id == row.id
    assert publisher.do("resource_show", id=resource["id"])["url"] == resource["url"]
    assert publisher.do("package_search", fq=f"id:{publisher.dataset}")["results"][0]["resources"][0]["hash"]


def test_copying_again_copies_what_is_new_and_apply_leaves_what_was_replaced(
    migration: Migration, publisher: Caller
) -> None:
    kept = publisher.upload_through_ckan(b"kept", "kept.csv")
    replaced = publisher.upload_through_ckan(b"before", "replaced.csv")
    migration.run("copy")
    publisher.upload_through_ckan(b"after!", "replaced.csv", id=replaced["id"])

    said = migration.run("apply", fails=True)

    assert "1 rows now have a different file and stay as they are: replaced.csv" in said
    assert (row_of(kept) is not None, row_of(replaced)) == (True, None)
    assert download(publisher, replaced) == b"after!"
    assert "1 files copied" in migration.run("copy")
    migration.run("apply")
    assert download(publisher, replaced) == b"after!"
    assert object_of(row_of(replaced)) == b"after!"


def test_a_file_that_was_written_on_the_disk_since_is_noticed(
    migration: Migration, storage: Path, publisher: Caller
) -> None:
    resource = publisher.upload_through_ckan(b"before", "rivers.csv")
    migration.run("copy")
    path_of(storage, resource).write_bytes(b"after!")

    assert "stay as they are" in migration.run("apply", fails=True)
    assert row_of(resource) is None


def test_a_resource_that_was_deleted_or_replaced_by_one_of_ours_since_stays(
    migration: Migration, publisher: Caller
) -> None:
    deleted = publisher.upload_through_ckan(b"1", "deleted.csv")
    replaced = publisher.upload_through_ckan(b"2", "replaced.csv")
    migration.run("copy")
    publisher.do("resource_delete", id=deleted["id"])
    upload = publisher.upload(b"3", resource=replaced["id"])
    publisher.do("resource_patch", id=replaced["id"], s3multipart_upload_id=upload["id"])

    said = migration.run("apply", fails=True)

    assert "0 rows updated, 0 needed no update, 1 are gone" in said
    assert row_of(replaced).id == upload["id"]


def test_what_publishers_may_upload_is_no_limit_for_what_there_is(
    migration: Migration, publisher: Caller, setting: Callable[[str, object], None]
) -> None:
    resource = publisher.upload_through_ckan(b"1,2,3", "rivers.csv")
    for name, value in (("max_upload_size", 3), ("org_quota", 3), ("denied_types", "csv")):
        setting(name, value)

    migration.run("copy")
    migration.run("apply")

    assert object_of(row_of(resource)) == b"1,2,3"


def test_the_file_of_a_private_dataset_stays_private(migration: Migration, portal, publisher: Caller) -> None:
    resource = publisher.upload_through_ckan(b"secret", "secret.csv")
    publisher.do("package_patch", id=publisher.dataset, private=True)
    migration.run("copy")
    migration.run("apply")

    link = f"/dataset/{publisher.dataset}/resource/{resource['id']}/download/secret.csv"
    assert download(publisher, resource) == b"secret"
    assert new_stranger(portal).get(link).status_code in (403, 404)


def test_files_of_deleted_datasets_come_along_so_that_a_restore_has_them(
    migration: Migration, publisher: Caller, portal
) -> None:
    resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
    publisher.do("package_delete", id=publisher.dataset)
    migration.run("copy")
    migration.run("apply")

    new_sysadmin(portal).do("package_patch", id=publisher.dataset, state="active")
    assert download(publisher, resource) == b"1,2"
    assert row_of(resource) is not None


class TestDryRun:
    def test_it_says_what_would_be_done_and_does_nothing(
        self, migration: Migration, publisher: Caller, storage: Path
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        said = migration.run("copy", "--dry-run")
        assert "1 files of 3 bytes would be moved" in said
        assert not migration.mapping.exists()

        migration.run("copy")
        assert "1 rows updated" in migration.run("apply", "--dry-run")
        assert row_of(resource) is None
        migration.run("apply")
        assert "1 rows updated" in migration.run("revert", "--dry-run")
        assert row_of(resource) is not None
        assert "1 files" in migration.run("back", "--dry-run")

    def test_what_cannot_be_moved_shows_in_the_exit_code(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        path_of(storage, publisher.upload_through_ckan(b"1", "gone.csv")).unlink()
        assert "no file in its place" in migration.run("copy", "--dry-run", fails=True)


def test_a_file_that_is_no_mapping_is_said(migration: Migration, cli) -> None:
    migration.mapping.write_text("no mapping\n")

    said = cli.invoke(s3multipart, ["migrate", "apply", str(migration.mapping)])

    assert said.exit_code == 2
    assert "line 1 is not an entry of a mapping" in said.output
