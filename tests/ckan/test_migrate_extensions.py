"""Files of other extensions, and of CKAN 2.12's own storages, as their sources write them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from callers import Caller
from ckan import model
from ckan.lib import search
from migrated_files import Migration, download, object_of, row_of

from ckanext.s3multipart.moving.sources import ckan_files
from s3portal.server.pytest_plugin import ROLE_ARN
from s3portal.server.testing import RunningServer
from s3portal.transfer import TransferSettings, open_store

OLD = "old-bucket"


@pytest.fixture(scope="session")
def old_bucket(s3_server: RunningServer) -> Any:
    """The bucket of the old extension, and a client with its keys."""
    admin = s3_server.users["admin"]
    settings = TransferSettings(
        s3_bucket=OLD,
        s3_endpoint=s3_server.endpoint,
        s3_access_key_id=admin.access_key_id,
        s3_secret_access_key=admin.secret_access_key,
    )
    client = open_store(settings).client()
    client.create_bucket(Bucket=OLD)
    portal = {"AWS": ROLE_ARN.replace("role/uploads", "user/portal")}
    reads = {
        "Effect": "Allow",
        "Principal": portal,
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{OLD}", f"arn:aws:s3:::{OLD}/*"],
    }
    client.put_bucket_policy(Bucket=OLD, Policy=json.dumps({"Version": "2012-10-17", "Statement": [reads]}))
    return client


@pytest.fixture
def migration(cli, tmp_path: Path) -> Iterator[Migration]:
    """The commands; only this test's resources are uploads."""
    resources = model.resource_table
    uploads = (resources.c.url_type == "upload") & (resources.c.state == "active")
    model.Session.execute(resources.update().where(uploads).values(state="x"))
    model.Session.commit()
    yield Migration(cli, tmp_path / "mapping.jsonl")
    model.Session.rollback()
    model.Session.execute(resources.update().where(resources.c.state == "x").values(state="active"))
    model.Session.commit()


@pytest.fixture
def old_setting(ckan_config, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A setting of the old extension, still in the .ini file."""
    return lambda name, value: monkeypatch.setitem(ckan_config, name, value)


def left(publisher: Caller, filename: str, **extras: Any) -> dict[str, Any]:
    """A resource as the old extension left it: the name of its file for a URL."""
    resource = publisher.do(
        "resource_create", package_id=publisher.dataset, url="http://x.example/", name="A"
    )
    model.Session.query(model.Resource).filter_by(id=resource["id"]).update(
        {"url": filename, "url_type": "upload", "extras": extras}
    )
    model.Session.commit()
    search.rebuild(publisher.dataset)
    return publisher.do("resource_show", id=resource["id"])


def s3_options(s3_server: RunningServer) -> dict[str, str]:
    admin = s3_server.users["admin"]
    return {
        "endpoint": s3_server.endpoint,
        "key": admin.access_key_id,
        "secret": admin.secret_access_key,
    }


class TestS3Filestore:
    @pytest.fixture(autouse=True)
    def settings(self, s3_server: RunningServer, old_setting, old_bucket) -> None:
        options = s3_options(s3_server)
        for name, value in (
            ("aws_bucket_name", OLD),
            ("aws_access_key_id", options["key"]),
            ("aws_secret_access_key", options["secret"]),
            ("host_name", options["endpoint"]),
            ("region_name", "us-east-1"),
            ("signature_version", "s3v4"),
            ("addressing_style", "path"),
            ("aws_storage_path", "my-site"),
        ):
            old_setting(f"ckanext.s3filestore.{name}", value)

    def test_its_files_move_and_its_links_stay(
        self, migration: Migration, publisher: Caller, old_bucket
    ) -> None:
        resource = left(publisher, "the-rivers.csv")
        key = f"my-site/resources/{resource['id']}/the-rivers.csv"
        old_bucket.put_object(Bucket=OLD, Key=key, Body=b"1,2\n", ContentType="text/csv")

        assert "1 files copied" in migration.run("copy", "--from", "s3filestore")
        migration.run("apply")

        assert object_of(row_of(resource)) == b"1,2\n"
        assert download(publisher, resource) == b"1,2\n"
        shown = publisher.do("resource_show", id=resource["id"])
        assert (shown["url"], shown["mimetype"]) == (resource["url"], "text/csv")
        assert old_bucket.head_object(Bucket=OLD, Key=key)["ContentLength"] == 4
        migration.run("revert")
        assert row_of(resource) is None

    @pytest.mark.parametrize("route", ["orig_download", "fs_download"])
    def test_its_own_routes_lead_to_the_persistent_link(
        self, migration: Migration, publisher: Caller, route: str
    ) -> None:
        resource = publisher.publish(b"1,2")

        answer = publisher.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}/{route}/rivers.csv")

        assert answer.status_code in (301, 302)
        assert publisher.follow(answer.headers["Location"]).content == b"1,2"

    def test_a_file_that_is_not_there_is_said(self, migration: Migration, publisher: Caller) -> None:
        left(publisher, "rivers.csv")
        said = migration.run("copy", "--from", "s3filestore", fails=True)
        assert f"there is no object s3://{OLD}/my-site/resources/" in said

    def test_an_object_that_changes_meanwhile_is_noticed(
        self, migration: Migration, publisher: Caller, old_bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resource = left(publisher, "rivers.csv")
        key = f"my-site/resources/{resource['id']}/rivers.csv"
        old_bucket.put_object(Bucket=OLD, Key=key, Body=b"1,2")
        from ckanext.s3multipart.moving.copying import CopyToStore

        copy = CopyToStore.copy

        def copy_later(self, file, place) -> None:
            old_bucket.put_object(Bucket=OLD, Key=key, Body=b"3,4")
            copy(self, file, place)

        monkeypatch.setattr(CopyToStore, "copy", copy_later)
        assert "has changed since" in migration.run("copy", "--from", "s3filestore", fails=True)
        assert migration.lines() == []


def test_cloudstorage(
    migration: Migration, publisher: Caller, old_bucket, old_setting, s3_server: RunningServer
) -> None:
    options = s3_options(s3_server)
    host, _, port = options["endpoint"].removeprefix("http://").partition(":")
    driver_options = {
        "key": options["key"], "secret": options["secret"], "host": host, "port": int(port), "secure": False
    }  # fmt: skip
    old_setting("ckanext.cloudstorage.driver", "S3")
    old_setting("ckanext.cloudstorage.container_name", OLD)
    old_setting("ckanext.cloudstorage.driver_options", repr(driver_options))
    resource = left(publisher, "rivers.csv")
    old_bucket.put_object(Bucket=OLD, Key=f"resources/{resource['id']}/rivers.csv", Body=b"1,2\n")

    migration.run("copy", "--from", "cloudstorage")
    migration.run("apply")

    assert download(publisher, resource) == b"1,2\n"


def test_cloudstorage_elsewhere_than_on_s3_is_told_what_to_do(
    migration: Migration, old_setting, publisher: Caller
) -> None:
    old_setting("ckanext.cloudstorage.driver", "AZURE_BLOBS")
    old_setting("ckanext.cloudstorage.container_name", "demo")
    assert "copy the container to a bucket" in migration.run("copy", "--from", "cloudstorage", fails=True)


class TestBlobStorage:
    CONTENT = b"1,2\n3,4\n"
    SHA256 = hashlib.sha256(CONTENT).hexdigest()

    def copy(self, migration: Migration, *, fails: bool = False) -> str:
        options = ("--bucket", OLD, "--path-prefix", "lfs")
        return migration.run("copy", "--from", "blob-storage", *options, fails=fails)

    def test_its_files_move(self, migration: Migration, publisher: Caller, old_bucket) -> None:
        prefix = f"{publisher.organisation}/{publisher.do('package_show', id=publisher.dataset)['name']}"
        resource = left(publisher, "rivers.csv", sha256=self.SHA256, lfs_prefix=prefix)
        old_bucket.put_object(Bucket=OLD, Key=f"lfs/{prefix}/{self.SHA256}", Body=self.CONTENT)

        self.copy(migration)
        migration.run("apply")

        assert download(publisher, resource) == self.CONTENT
        shown = publisher.do("resource_show", id=resource["id"])
        assert (shown["hash"], shown["lfs_prefix"]) == (self.SHA256, prefix)

    def test_what_is_not_what_its_sha256_says_is_not_taken(
        self, migration: Migration, publisher: Caller, old_bucket
    ) -> None:
        prefix = f"ckan/{publisher.dataset}"
        resource = left(publisher, "rivers.csv", sha256=self.SHA256, lfs_prefix=prefix)
        old_bucket.put_object(Bucket=OLD, Key=f"lfs/{prefix}/{self.SHA256}", Body=b"9,9\n9,9\n")

        assert "is on record" in self.copy(migration, fails=True)
        assert row_of(resource) is None
        assert migration.lines() == []

    def test_nobody_reaches_the_files_of_another_dataset_by_their_extras(
        self, migration: Migration, publisher: Caller, another_publisher: Caller, old_bucket
    ) -> None:
        prefix = f"ckan/{another_publisher.dataset}"
        old_bucket.put_object(Bucket=OLD, Key=f"lfs/{prefix}/{self.SHA256}", Body=self.CONTENT)
        left(publisher, "rivers.csv", sha256=self.SHA256, lfs_prefix=prefix)

        assert "not that of its dataset" in self.copy(migration, fails=True)


class TestCkanFiles:
    @pytest.fixture
    def storage(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        files = pytest.importorskip("ckan.lib.files")
        import file_keeper as fk

        storage = fk.make_storage("resources", {"type": "file_keeper:memory"})
        monkeypatch.setattr(ckan_files, "_storage_of_resources", lambda: (files, storage))
        return SimpleNamespace(files=files, storage=storage)

    def test_a_storage_of_any_type_is_read_through_ckans_own_interface(
        self, migration: Migration, publisher: Caller, storage: Any
    ) -> None:
        resource = left(publisher, "rivers.csv")
        place = "/".join((resource["id"][:3], resource["id"][3:6], resource["id"][6:]))
        storage.storage.upload(storage.files.Location(place), storage.files.make_upload(b"1,2\n"))
        left(publisher, "gone.csv")

        said = migration.run("copy", "--from", "ckan-files", fails=True)
        migration.run("apply")

        assert "is not in the storage" in said
        assert object_of(row_of(resource)) == b"1,2\n"

    def test_files_cannot_come_back_to_a_storage_that_is_elsewhere(
        self, migration: Migration, publisher: Caller, storage: Any
    ) -> None:
        assert "not on the local disk" in migration.run("back", fails=True)

    def test_a_storage_on_the_disk_is_read_as_the_disk(
        self, migration: Migration, publisher: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        files = pytest.importorskip("ckan.lib.files")
        settings = {"type": "ckan:fs", "path": str(tmp_path / "files"), "initialize": True}
        storage = files.make_storage("resources", settings)
        monkeypatch.setattr(ckan_files, "_storage_of_resources", lambda: (files, storage))
        resource = left(publisher, "rivers.csv")
        place = "/".join((resource["id"][:3], resource["id"][3:6], resource["id"][6:]))
        storage.upload(files.Location(place), files.make_upload(b"1,2\n"))

        migration.run("copy", "--from", "ckan-files")
        migration.run("apply")
        assert object_of(row_of(resource)) == b"1,2\n"
        (tmp_path / "files" / place).unlink()
        migration.mapping.unlink()
        migration.run("back")
        assert (tmp_path / "files" / place).read_bytes() == b"1,2\n"


def test_where_ckan_has_no_such_storage_it_is_said(migration: Migration, publisher: Caller) -> None:
    assert "storage" in migration.run("copy", "--from", "ckan-files", fails=True)


@pytest.mark.parametrize(
    "options",
    [
        ("--adopt",),
        ("--from", "links", "--adopt"),
        ("--from", "links", "--may-delete"),
        ("--from", "nothing"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    migration: Migration, cli, options: tuple[str, ...]
) -> None:
    from ckanext.s3multipart.cli import s3multipart

    assert cli.invoke(s3multipart, ["migrate", "copy", *options, str(migration.mapping)]).exit_code == 2
