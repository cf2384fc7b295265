"""`ckan s3multipart migrate`: from CKAN's own storage to the store and back, whatever comes between."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callers import Caller, new_stranger, new_sysadmin
from ckan import model
from killed import AFTER, BEFORE, ended
from killed_ckan import in_another_process
from migrated_files import Migration, download, object_of, path_of, row_of

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import portal_store
from s3portal.server.testing import RunningServer

#: Three parts.
LARGE = os.urandom(12 * 1024 * 1024)


@pytest.fixture
def storage(ckan_config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """CKAN's own storage, with no file of another test."""
    monkeypatch.setitem(ckan_config, "ckan.storage_path", str(tmp_path))
    return tmp_path


@pytest.fixture
def migration(cli, storage: Path) -> Iterator[Migration]:
    """The commands; only this test's resources are uploads of CKAN's."""
    resources = model.resource_table
    others = model.Session.query(model.Resource.id).filter_by(url_type="upload", state="active").all()
    model.Session.execute(
        resources.update().where(resources.c.id.in_([each.id for each in others])).values(state="x")
    )
    model.Session.commit()
    yield Migration(cli, storage / "mapping.jsonl")
    model.Session.rollback()
    model.Session.execute(resources.update().where(resources.c.state == "x").values(state="active"))
    model.Session.commit()


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


class TestHostilePlaces:
    def test_a_link_out_of_the_folder_is_not_followed(
        self, migration: Migration, storage: Path, publisher: Caller, tmp_path_factory
    ) -> None:
        secret = tmp_path_factory.mktemp("elsewhere") / "secret"
        secret.write_bytes(b"root's own")
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        path_of(storage, resource).unlink()
        path_of(storage, resource).symlink_to(secret)

        said = migration.run("copy", fails=True)

        assert "symbolic link" in said
        assert migration.lines() == []

    def test_a_folder_that_is_a_link_is_not_followed(
        self, migration: Migration, storage: Path, publisher: Caller, tmp_path_factory
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        folder = path_of(storage, resource).parent
        moved = tmp_path_factory.mktemp("elsewhere") / "folder"
        folder.rename(moved)
        folder.symlink_to(moved)

        assert "symbolic link" in migration.run("copy", fails=True)

    @pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
    def test_what_is_no_file_is_said_and_keeps_nobody_waiting(
        self, migration: Migration, storage: Path, publisher: Caller, make: Callable[[Path], None]
    ) -> None:
        odd = publisher.upload_through_ckan(b"1", "odd.csv")
        well = publisher.upload_through_ckan(b"2", "well.csv")
        path_of(storage, odd).unlink()
        make(path_of(storage, odd))

        said = migration.run("copy", fails=True)

        assert "is no regular file" in said
        assert [line["resource"] for line in migration.lines()] == [well["id"]]

    @pytest.mark.parametrize(
        "name", ["../../../../etc/passwd", "..", "a\x01b.csv", "%2e%2e%2fx", "Реки.csv", "x" * 300]
    )
    def test_odd_names_stay_in_a_key_of_their_own(
        self, migration: Migration, publisher: Caller, name: str
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        model.Session.query(model.Resource).filter_by(id=resource["id"]).update({"url": name})
        model.Session.commit()

        migration.run("copy")
        migration.run("apply")

        row = row_of(resource)
        assert row.key.rpartition("/")[0] == f"{publisher.organisation_id}/{publisher.dataset}/{row.id}"
        assert ".." not in row.key.split("/")
        assert object_of(row) == b"1,2"

    def test_an_id_that_leads_elsewhere_is_refused(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        (storage / "outside").write_bytes(b"not for readers")
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        odd = f"../../../{resource['id'][9:]}"
        model.Session.query(model.Resource).filter_by(id=resource["id"]).update({"id": odd})
        model.Session.commit()

        assert "leads out of" in migration.run("copy", fails=True)

    def test_a_file_that_is_gone_does_not_stop_the_others(
        self, migration: Migration, storage: Path, publisher: Caller
    ) -> None:
        gone = publisher.upload_through_ckan(b"1", "gone.csv")
        publisher.upload_through_ckan(b"2", "well.csv")
        path_of(storage, gone).unlink()

        said = migration.run("copy", fails=True)

        assert "there is no file in its place" in said
        assert "1 files copied" in said


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


class TestKilled:
    @pytest.mark.parametrize(
        ("moment", "operation"),
        [(AFTER, "UploadPart"), (BEFORE, "CompleteMultipartUpload"), (AFTER, "CompleteMultipartUpload")],
    )
    def test_a_copy_that_was_killed_continues(
        self, migration: Migration, publisher: Caller, s3_server: RunningServer, moment: str, operation: str
    ) -> None:
        resource = publisher.upload_through_ckan(LARGE, "large.nc")

        killed = in_another_process(lambda: migration.run("copy"), killed_at=(moment, operation))
        assert ended(killed) == "killed"
        assert migration.lines() == []
        assert "1 files copied" in migration.run("copy")
        migration.run("apply")

        assert object_of(row_of(resource)) == LARGE
        listed = portal_store().client().list_multipart_uploads(Bucket=portal_store().bucket)
        assert publisher.dataset not in str(listed.get("Uploads", []))

    def test_parts_that_are_there_are_not_sent_again(
        self, migration: Migration, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resource = publisher.upload_through_ckan(LARGE, "large.nc")
        assert (
            ended(
                in_another_process(
                    lambda: migration.run("copy"), killed_at=(BEFORE, "CompleteMultipartUpload")
                )
            )
            == "killed"
        )
        sent: list[int] = []
        portal_store().client().meta.events.register_first(
            "before-send.s3.UploadPart", lambda **_: sent.append(1), unique_id="count parts"
        )

        migration.run("copy")

        portal_store().client().meta.events.unregister("before-send.s3.UploadPart", unique_id="count parts")
        assert sent == []
        migration.run("apply")
        assert object_of(row_of(resource)) == LARGE

    def test_an_apply_that_was_killed_continues(self, migration: Migration, publisher: Caller) -> None:
        resources = [publisher.upload_through_ckan(f"{n}".encode(), f"{n}.csv") for n in range(3)]
        migration.run("copy")
        killed = in_another_process(lambda: migration.run("apply"), killed_at=(AFTER, "HeadObject"))
        assert ended(killed) == "killed"

        migration.run("apply")

        assert all(row_of(each) is not None for each in resources)
        assert [download(publisher, each) for each in resources] == [b"0", b"1", b"2"]


class TestStore:
    def test_a_part_that_was_damaged_on_the_way_is_not_taken(
        self, migration: Migration, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publisher.upload_through_ckan(b"1,2", "rivers.csv")
        events = portal_store().client().meta.events

        def damage(request, **_) -> None:
            request.body = b"1,3"

        events.register_first("before-send.s3.UploadPart", damage, unique_id="damage")
        try:
            said = migration.run("copy", fails=True)
        finally:
            events.unregister("before-send.s3.UploadPart", unique_id="damage")

        assert "rivers.csv" in said
        assert migration.lines() == []

    def test_something_else_under_the_key_is_not_taken_for_the_file(
        self, migration: Migration, publisher: Caller
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        migration.run("copy")
        [line] = migration.lines()
        portal_store().client().put_object(
            Bucket=portal_store().bucket, Key=line["new"]["upload"]["key"], Body=b"9,9"
        )

        said = migration.run("apply", fails=True)
        assert "no longer in the store" in said
        assert row_of(resource) is None
        migration.mapping.unlink()
        assert "written by something else" in migration.run("copy", fails=True)

    def test_a_store_that_is_away_is_said_once_and_nothing_is_lost(
        self, migration: Migration, publisher: Caller, s3_server: RunningServer
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        s3_server.faults.add("ListObjectsV2", status=503)
        assert "The store cannot be used" in migration.run("copy", fails=True)
        s3_server.faults.clear()

        s3_server.faults.add("UploadPart", status=503)
        assert "1 failed" in migration.run("copy", fails=True)
        s3_server.faults.clear()
        migration.run("copy")
        migration.run("apply")
        assert object_of(row_of(resource)) == b"1,2"


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


def test_a_file_that_is_no_mapping_is_said(migration: Migration, cli) -> None:
    migration.mapping.write_text("no mapping\n")

    said = cli.invoke(s3multipart, ["migrate", "apply", str(migration.mapping)])

    assert said.exit_code == 2
    assert "line 1 is not an entry of a mapping" in said.output
