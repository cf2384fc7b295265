"""Plain S3 URLs that the old ckanext-s3multipart left: copied if everybody may read them, otherwise by a
list; adopted by a list alone."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from kept_uploads import days_pass
from migrated_files import Migration, download, object_of, row_of

from ckanext.s3multipart.downloads.key_moves import begin_clearing
from ckanext.s3multipart.downloads.move_model import KeyMove
from ckanext.s3multipart.model import now
from ckanext.s3multipart.moving.sources.links import keys_of_url
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads.session_model import SessionGrant
from s3portal.server.testing import RunningServer
from s3portal.transfer import TransferSettings, open_store


@pytest.fixture
def migration(cli, tmp_path: Path) -> Iterator[Migration]:
    """The commands; only this test's resources are links."""
    resources = model.resource_table
    mine = resources.c.url.ilike("http%")
    model.Session.execute(resources.update().where(mine, resources.c.state == "active").values(state="x"))
    model.Session.commit()
    yield Migration(cli, tmp_path / "mapping.jsonl")
    model.Session.rollback()
    model.Session.execute(resources.update().where(resources.c.state == "x").values(state="active"))
    model.Session.commit()


PUBLIC = "public-bucket"


@pytest.fixture(scope="session")
def public_bucket(s3_server: RunningServer) -> Callable[[str, bytes], str]:
    """Puts objects into a bucket that everybody may read; returns their URLs."""
    admin = s3_server.users["admin"]
    settings = TransferSettings(
        s3_bucket=PUBLIC,
        s3_endpoint=s3_server.endpoint,
        s3_access_key_id=admin.access_key_id,
        s3_secret_access_key=admin.secret_access_key,
    )
    client = open_store(settings).client()
    client.create_bucket(Bucket=PUBLIC)
    client.delete_public_access_block(Bucket=PUBLIC)
    reads = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{PUBLIC}/*",
    }
    lists = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{PUBLIC}",
    }
    policy = {"Version": "2012-10-17", "Statement": [reads, lists]}
    client.put_bucket_policy(Bucket=PUBLIC, Policy=json.dumps(policy))

    def put_there(key: str, content: bytes) -> str:
        client.put_object(Bucket=PUBLIC, Key=key, Body=content, ContentType="text/csv")
        return f"{s3_server.endpoint}/{PUBLIC}/{quote(key)}"

    return put_there


def put(key: str, content: bytes) -> str:
    """An object as the old extension left it; returns its URL."""
    store = portal_store()
    store.client().put_object(Bucket=store.bucket, Key=key, Body=content, ContentType="text/csv")
    return f"{store.settings.s3_endpoint}/{store.bucket}/{quote(key)}"


def is_there(key: str) -> bool:
    listed = portal_store().client().list_objects_v2(Bucket=portal_store().bucket, Prefix=key)
    return any(each["Key"] == key for each in listed.get("Contents", []))


def linked(publisher: Caller, url: str) -> dict:
    return publisher.do("resource_create", package_id=publisher.dataset, url=url, name="A link")


def listed(migration: Migration, *pairs: tuple[dict, str]) -> str:
    path = migration.mapping.with_name("list.txt")
    path.write_text("".join(f"{resource['id']} {key}\n" for resource, key in pairs))
    return str(path)


class TestCopy:
    def test_what_everybody_may_read_becomes_a_file_with_a_persistent_link(
        self, migration: Migration, publisher: Caller, public_bucket: Callable[[str, bytes], str]
    ) -> None:
        url = public_bucket(f"{publisher.dataset}/Große Flüsse.csv", b"1,2\n")
        resource = linked(publisher, url)
        elsewhere = linked(publisher, "https://data.example.org/rivers.csv")

        assert "1 files copied" in migration.run("copy", "--from", "links", "--bucket", PUBLIC)
        assert publisher.do("resource_show", id=resource["id"])["url"] == url
        migration.run("apply")

        shown = publisher.do("resource_show", id=resource["id"])
        assert shown["url_type"] == "upload"
        assert f"/resource/{resource['id']}/download/" in shown["url"]
        assert download(publisher, shown) == b"1,2\n"
        assert row_of(resource).filename == "Große Flüsse.csv"
        assert publisher.do("resource_show", id=elsewhere["id"])["url"] == elsewhere["url"]

        migration.run("revert")
        assert publisher.do("resource_show", id=resource["id"])["url"] == url

    def test_a_url_is_no_proof_of_ownership(
        self, migration: Migration, publisher: Caller, another_publisher: Caller
    ) -> None:
        """Somebody writes the address of another one's private file into a resource of their own."""
        secret = another_publisher.publish(b"secret", filename="secret.csv")
        key = row_of(secret).key
        store = portal_store()
        mine = linked(publisher, f"{store.settings.s3_endpoint}/{store.bucket}/{quote(key)}")

        said = migration.run("copy", "--from", "links", fails=True)

        assert "a URL is no proof" in said
        assert row_of(mine) is None
        said = migration.run(
            "copy", "--from", "links", "--list", listed(migration, (mine, key)), "--adopt", fails=True
        )
        assert f"an upload has the key {key}" in said

    def test_private_objects_are_copied_by_the_administrators_list(
        self, migration: Migration, publisher: Caller
    ) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        resource = linked(publisher, put(key, b"1,2"))

        read: list[object] = []
        events = portal_store().client().meta.events
        events.register_first("before-send.s3.GetObject", lambda **_: read.append(1), unique_id="reads")
        migration.run("copy", "--from", "links", "--list", listed(migration, (resource, key)))
        events.unregister("before-send.s3.GetObject", unique_id="reads")
        assert read == [], "an object of the portal's own store is copied there"
        migration.run("apply")

        assert object_of(row_of(resource)) == b"1,2"
        assert row_of(resource).key != key

    def test_a_link_that_was_edited_since_stays(
        self, migration: Migration, publisher: Caller, public_bucket: Callable[[str, bytes], str]
    ) -> None:
        resource = linked(publisher, public_bucket(f"{publisher.dataset}/a.csv", b"1,2"))
        migration.run("copy", "--from", "links", "--bucket", PUBLIC)
        publisher.do("resource_patch", id=resource["id"], url="https://data.example.org/b.csv")

        assert "stay as they are" in migration.run("apply", fails=True)
        assert row_of(resource) is None


class TestAdopt:
    def test_an_adopted_object_stays_where_it_is_and_outlives_its_resource(
        self, migration: Migration, publisher: Caller, portal
    ) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        resource = linked(publisher, put(key, b"1,2"))
        migration.run("copy", "--from", "links", "--adopt", "--list", listed(migration, (resource, key)))
        assert row_of(resource) is None
        migration.run("apply")

        assert row_of(resource).key == key
        shown = publisher.do("resource_show", id=resource["id"])
        assert download(publisher, shown) == b"1,2"
        assert (shown["size"], shown["mimetype"]) == (3, "text/csv")
        publisher.do("resource_delete", id=resource["id"])
        days_pass(publisher, 30)
        sweep()
        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
        sweep()
        assert is_there(key)

    def test_unless_the_administrator_asks_for_that(
        self, migration: Migration, publisher: Caller, portal
    ) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        resource = linked(publisher, put(key, b"1,2"))
        options = ("--adopt", "--may-delete", "--list", listed(migration, (resource, key)))
        migration.run("copy", "--from", "links", *options)
        migration.run("apply")

        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)

        assert not is_there(key)

    def test_it_can_be_taken_back(self, migration: Migration, publisher: Caller) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        url = put(key, b"1,2")
        resource = linked(publisher, url)
        before = publisher.do("resource_show", id=resource["id"])
        migration.run("copy", "--from", "links", "--adopt", "--list", listed(migration, (resource, key)))
        migration.run("apply")

        migration.run("revert")

        assert publisher.do("resource_show", id=resource["id"]) == before
        assert row_of(resource) is None
        assert is_there(key)

    def test_an_object_of_two_datasets_is_neithers(
        self, migration: Migration, publisher: Caller, another_publisher: Caller
    ) -> None:
        key = f"old/{publisher.dataset}/the rivers.csv"
        url = put(key, b"1,2")
        mine = linked(publisher, url)
        linked(another_publisher, url.replace("%20", "+"))

        options = ("--adopt", "--list", listed(migration, (mine, key)))
        said = migration.run("copy", "--from", "links", *options, fails=True)

        assert "has the same object" in said
        assert migration.lines() == []

    def test_a_key_in_the_folder_of_another_dataset_is_not_adopted(
        self, migration: Migration, publisher: Caller, another_publisher: Caller
    ) -> None:
        folder = f"{another_publisher.organisation_id}/{another_publisher.dataset}"
        key = f"{folder}/11111111-1111-1111-1111-111111111111/rivers.csv"
        mine = linked(publisher, put(key, b"1,2"))

        options = ("--adopt", "--list", listed(migration, (mine, key)))
        said = migration.run("copy", "--from", "links", *options, fails=True)

        assert f"is one of dataset {another_publisher.dataset}" in said

    def test_what_session_credentials_can_write_is_not_adopted(
        self, migration: Migration, publisher: Caller
    ) -> None:
        prefix = publisher.do("s3multipart_credentials", owner=publisher.dataset)["prefix"]
        key = f"{prefix}rivers.csv"
        mine = linked(publisher, put(key, b"1,2"))

        options = ("--adopt", "--list", listed(migration, (mine, key)))
        assert "can still write" in migration.run("copy", "--from", "links", *options, fails=True)
        # What began before they expired may still arrive.
        grants = model.Session.query(SessionGrant).filter_by(dataset_id=publisher.dataset)
        grants.update({"writable_until": now() - timedelta(hours=1)})
        model.Session.commit()
        assert "could until" in migration.run("copy", "--from", "links", *options, fails=True)

    def test_what_everybody_may_read_with_download_mode_public_is_not_adopted(
        self, migration: Migration, publisher: Caller
    ) -> None:
        key = f"public/{publisher.dataset}/rivers.csv"
        mine = linked(publisher, put(key, b"1,2"))

        options = ("--adopt", "--list", listed(migration, (mine, key)))
        said = migration.run("copy", "--from", "links", *options, fails=True)

        assert "in the folder that everybody may read" in said

    def test_what_a_move_leaves_behind_is_not_adopted(self, migration: Migration, publisher: Caller) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        mine = linked(publisher, put(key, b"1,2"))
        row = SimpleNamespace(id="gone", key=key, version_id=None)
        begin_clearing(row, publisher.dataset)  # type: ignore[arg-type]

        options = ("--adopt", "--list", listed(migration, (mine, key)))
        said = migration.run("copy", "--from", "links", *options, fails=True)

        assert "on its way" in said
        model.Session.query(KeyMove).delete()
        model.Session.commit()

    def test_what_the_list_says_must_be_what_the_url_says(
        self, migration: Migration, publisher: Caller
    ) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        mine = linked(publisher, put(key, b"1,2"))
        other = f"old/{publisher.dataset}/secret.csv"
        put(other, b"secret")

        options = ("--adopt", "--list", listed(migration, (mine, other)))
        assert "its URL is not that of" in migration.run("copy", "--from", "links", *options, fails=True)

    def test_an_object_that_was_written_again_since_is_noticed(
        self, migration: Migration, publisher: Caller
    ) -> None:
        key = f"old/{publisher.dataset}/rivers.csv"
        resource = linked(publisher, put(key, b"1,2"))
        migration.run("copy", "--from", "links", "--adopt", "--list", listed(migration, (resource, key)))
        put(key, b"3,4,5")

        assert "no longer in the store" in migration.run("apply", fails=True)
        assert row_of(resource) is None


@pytest.mark.parametrize(
    "content", [b"one-word\n", b"\xff\xfe a\n", b"a\x00b c\n", b"r1 a.csv\nr2 a.csv\n", b"r1 a\nr1 b\n"]
)
def test_a_list_that_is_none_is_said(migration: Migration, cli, content: bytes) -> None:
    path = migration.mapping.with_name("list.txt")
    path.write_bytes(content)

    said = migration.run("copy", "--from", "links", "--list", str(path), fails=True)

    assert "list.txt" in said


AWS = open_store(TransferSettings(s3_bucket="river-data", s3_region="ap-southeast-2"))
OWN = open_store(
    replace(
        AWS.settings,
        s3_endpoint="https://s3.example.org:9000",
        s3_public_endpoint="https://files.example.org",
    )
)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://river-data.s3.amazonaws.com/a/b.csv", "a/b.csv"),
        ("https://river-data.s3.ap-southeast-2.amazonaws.com/a/b.csv?versionId=1#top", "a/b.csv"),
        ("https://river-data.s3-ap-southeast-2.amazonaws.com/a%2Fb%20c.csv", "a/b c.csv"),
        ("http://s3-ap-southeast-2.amazonaws.com/river-data/a.csv", "a.csv"),
        ("https://s3.dualstack.ap-southeast-2.amazonaws.com/river-data/a.csv", "a.csv"),
        ("https://s3.amazonaws.com/river-data/Fl%C3%BCsse.csv", "Flüsse.csv"),
    ],
)
def test_urls_of_the_bucket_on_aws(url: str, key: str) -> None:
    assert keys_of_url(url, AWS)[0] == key


@pytest.mark.parametrize(
    "url",
    [
        "https://river-data.s3.amazonaws.com/",
        "https://river-data.s3.amazonaws.com.evil.example/a.csv",
        "https://evil.example/river-data/a.csv",
        "https://other.s3.amazonaws.com/a.csv",
        "https://s3.amazonaws.com/river-data-2/a.csv",
        "https://user@river-data.s3.amazonaws.com/a.csv",
        "https://river-data.s3.amazonaws.com:9000/a.csv",
        "ftp://river-data.s3.amazonaws.com/a.csv",
        "https://river-data.s3.amazonaws.com/%00",
        "https://river-data.s3.amazonaws.com/%ff",
        "https://[::1/a",
        "rivers.csv",
    ],
)
def test_urls_of_anything_else(url: str) -> None:
    assert keys_of_url(url, AWS) == []


def test_urls_of_a_store_of_its_own() -> None:
    assert keys_of_url("https://s3.example.org:9000/river-data/a.csv", OWN) == ["a.csv"]
    assert keys_of_url("https://river-data.files.example.org/a+b.csv", OWN) == ["a+b.csv", "a b.csv"]
    assert keys_of_url("https://s3.example.org/river-data/a.csv", OWN) == []
    assert keys_of_url("https://s3.amazonaws.com/river-data/a.csv", OWN) == []
