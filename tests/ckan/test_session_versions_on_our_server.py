"""The bundled server's buckets keep versions too: what is published with session credentials is a version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from callers import Caller
from session_writers import PUBLISHED, let_time_pass, listed, read, row_of, writer

from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads import session_prefixes
from s3portal.server.pytest_plugin import BUCKET, server_config
from s3portal.server.testing import RunningServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Setting = Callable[[str, object], None]


@pytest.fixture
def store(tmp_path, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """The portal's store is a server of ours whose bucket has versions, as its administrator sees it."""
    monkeypatch.setattr(session_prefixes, "keeps_to_parts", lambda *_: False)
    with RunningServer(tmp_path / "s3", server_config()) as server:
        setting("s3_endpoint", server.endpoint)
        admin = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=server.users["admin"].access_key_id,
            aws_secret_access_key=server.users["admin"].secret_access_key,
        )
        admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield admin


def contents(store: S3Client, prefix: str) -> dict[str, list[bytes]]:
    """What the versions of each key under a prefix have, the newest first, without delete markers."""
    found: dict[str, list[bytes]] = {}
    for version in store.list_object_versions(Bucket=BUCKET, Prefix=prefix).get("Versions", []):
        key, version_id = version["Key"], version["VersionId"]
        body = store.get_object(Bucket=BUCKET, Key=key, VersionId=version_id)["Body"]
        found.setdefault(key, []).append(body.read())
    return found


def test_the_version_is_published_where_it_is(publisher: Caller, store: S3Client) -> None:
    own = writer(publisher)
    key = own.put("rivers.csv", PUBLISHED)
    [upload] = listed(publisher)
    resource = publisher.attach(upload)
    own.put("rivers.csv", b"forged")

    assert row_of(upload).key == key
    assert contents(store, key) == {key: [b"forged", PUBLISHED]}
    assert read(publisher, resource) == PUBLISHED


def test_a_second_version_of_a_key_is_copied(publisher: Caller, store: S3Client) -> None:
    own = writer(publisher)
    own.put("rivers.csv", PUBLISHED)
    first = publisher.attach(listed(publisher)[0])
    own.put("rivers.csv", b"second")
    [upload] = listed(publisher)
    second = publisher.attach(upload)

    assert not row_of(upload).key.startswith(own.scope)
    assert (read(publisher, first), read(publisher, second)) == (PUBLISHED, b"second")


def test_in_the_end_the_published_version_is_the_newest(publisher: Caller, store: S3Client) -> None:
    own = writer(publisher)
    key = own.put("rivers.csv", PUBLISHED)
    resource = publisher.attach(listed(publisher)[0])
    own.put("rivers.csv", b"forged")
    own.put("other.csv", b"other")
    other = next(upload for upload in listed(publisher) if upload["filename"] == "other.csv")
    publisher.do("s3multipart_upload_abort", id=other["id"])

    let_time_pass(publisher)
    sweep()

    assert contents(store, own.scope) == {key: [PUBLISHED]}
    assert read(publisher, resource) == PUBLISHED


def test_discarding_it_removes_the_version_and_no_other(publisher: Caller, store: S3Client) -> None:
    own = writer(publisher)
    key = own.put("rivers.csv", PUBLISHED)
    [upload] = listed(publisher)
    own.put("rivers.csv", b"second")

    publisher.do("s3multipart_upload_abort", id=upload["id"])

    assert contents(store, key) == {key: [b"second"]}
