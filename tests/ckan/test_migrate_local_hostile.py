"""`ckan s3multipart migrate` among files, folders and names that are not what CKAN makes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from callers import Caller
from ckan import model
from migrated_files import Migration, object_of, path_of, row_of
from migrated_files import migration as migration  # a fixture
from migrated_files import storage as storage  # a fixture


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
