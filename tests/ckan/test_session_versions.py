"""In a bucket with versions, a version is pinned: what is written under its key later is another one."""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from callers import Caller
from foreign_store import foreign_store, is_foreign
from session_writers import PUBLISHED, Writer, let_time_pass, listed, read, row_of, withdraw, writer
from versioned_bucket import VersionedBucket
from versioned_store import VersionedStore, versioned_store

from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads import session_prefixes
from s3portal.server.pytest_plugin import BUCKET, server_config
from s3portal.server.testing import RunningServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Setting = Callable[[str, object], None]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersionedBucket]:
    """A bucket with versions, on a store of its own or on the one that the environment names."""
    if is_foreign():
        store = foreign_store().beside(f"versions-{uuid.uuid4().hex}")
        store.client().create_bucket(Bucket=store.bucket)
        yield keeping_versions(store.client(), store.bucket)
        return
    with RunningServer(tmp_path_factory.mktemp("versions"), server_config()) as server:
        user = server.users["portal"]
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=user.access_key_id,
            aws_secret_access_key=user.secret_access_key,
        )
        yield keeping_versions(client, BUCKET)


def keeping_versions(client: "S3Client", bucket: str) -> VersionedBucket:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return VersionedBucket(client, bucket)


@pytest.fixture
def versions(bucket: VersionedBucket, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> VersionedBucket:
    """The portal's bucket has versions, in a store that keeps no credentials to parts, as far as it knows."""
    monkeypatch.setattr(session_prefixes, "keeps_to_parts", lambda *_: False)
    setting("s3_bucket", bucket.bucket)
    setting("s3_endpoint", bucket.client.meta.endpoint_url)
    if is_foreign():
        settings = foreign_store().settings
        for name in ("s3_access_key_id", "s3_secret_access_key", "s3_role", "s3_region"):
            setting(name, getattr(settings, name))
    return bucket


@pytest.fixture
def encrypting(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Iterator[VersionedStore]:
    """A store with versions that encrypts with keys of KMS, which no store does that runs here."""
    monkeypatch.setattr(session_prefixes, "keeps_to_parts", lambda *_: False)
    with versioned_store() as store:
        setting("s3_endpoint", store.endpoint)
        setting("checksum", "off")
        yield store


def published(caller: Caller) -> tuple[Writer, dict, dict]:
    """A file that was written with session credentials and published; who wrote it keeps the keys."""
    own = writer(caller)
    own.put("rivers.csv", PUBLISHED)
    [upload] = listed(caller)
    return own, upload, caller.attach(upload)


class TestAPrefix:
    def test_the_version_is_published_where_it_is(self, publisher: Caller, versions: VersionedBucket) -> None:
        own, upload, resource = published(publisher)

        assert row_of(upload).key == f"{own.scope}rivers.csv"
        assert row_of(upload).version_id == versions.versions(row_of(upload).key)[0].version_id
        assert read(publisher, resource) == PUBLISHED

    def test_what_is_written_later_is_another_version(
        self, publisher: Caller, versions: VersionedBucket
    ) -> None:
        own, _, resource = published(publisher)

        own.put("rivers.csv", b"forged")

        assert versions.content(f"{own.scope}rivers.csv") == b"forged"
        assert read(publisher, resource) == PUBLISHED

    def test_a_file_that_waits_is_not_changed_either(
        self, publisher: Caller, versions: VersionedBucket
    ) -> None:
        own = writer(publisher)
        own.put("rivers.csv", PUBLISHED)
        [upload] = listed(publisher)
        own.put("rivers.csv", b"forged")

        assert read(publisher, publisher.attach(upload)) == PUBLISHED

    def test_a_second_version_of_a_key_is_copied(self, publisher: Caller, versions: VersionedBucket) -> None:
        """A rule of the bucket that removes old versions would take the first one away."""
        own, _, first = published(publisher)
        own.put("rivers.csv", b"second")

        [upload] = listed(publisher)
        second = publisher.attach(upload)

        assert not row_of(upload).key.startswith(own.scope)
        assert (read(publisher, first), read(publisher, second)) == (PUBLISHED, b"second")

    def test_in_the_end_the_published_version_is_the_newest(
        self, publisher: Caller, versions: VersionedBucket
    ) -> None:
        own, _, resource = published(publisher)
        own.put("rivers.csv", b"forged")
        own.put("other.csv", b"other")
        publisher.do("s3multipart_upload_abort", id=_named(publisher, "other.csv")["id"])

        let_time_pass(publisher)
        sweep()

        left = {key: [each.content for each in found] for key, found in versions.under(own.scope).items()}
        assert left == {f"{own.scope}rivers.csv": [PUBLISHED]}
        assert read(publisher, resource) == PUBLISHED

    @pytest.mark.parametrize(
        "encryption",
        [
            {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": "arn:aws:kms:eu-west-1:111122223333:key/theirs",
            },
            {"ServerSideEncryption": "aws:kms"},
        ],
    )
    def test_a_key_of_the_writers_own_is_not_trusted(
        self, publisher: Caller, encrypting: VersionedStore, encryption: dict[str, str]
    ) -> None:
        """Who holds it could take the file away again."""
        own = writer(publisher)
        own.put("rivers.csv", PUBLISHED, **encryption)

        [upload] = listed(publisher)

        key = row_of(upload).key
        assert not key.startswith(own.scope)
        assert "x-amz-server-side-encryption" not in encrypting.versions[key][0].headers

    def test_the_keys_of_a_former_editor(self, portal, publisher: Caller, versions: VersionedBucket) -> None:
        own, upload, _ = published(publisher)
        withdraw(publisher)

        own.put("rivers.csv", b"forged")
        own.put("late.csv", b"late")

        assert {each["state"] for each in listed(publisher)} == {"refused"}
        row = row_of(upload)
        assert versions.content(row.key, row.version_id) == PUBLISHED

    def test_discarding_it_removes_the_version_and_no_other(
        self, publisher: Caller, versions: VersionedBucket
    ) -> None:
        own = writer(publisher)
        key = own.put("rivers.csv", PUBLISHED)
        [upload] = listed(publisher)
        own.put("rivers.csv", b"second")

        publisher.do("s3multipart_upload_abort", id=upload["id"])

        assert [each.content for each in versions.versions(key)] == [b"second"]


class TestAnUpload:
    def test_its_version_is_published_where_it_is(self, publisher: Caller, versions: VersionedBucket) -> None:
        upload = publisher.create(size=len(PUBLISHED)).result["upload"]
        own = writer(publisher, id=upload["id"])
        own.client.upload_part(
            Bucket=own.bucket,
            Key=own.scope,
            UploadId=row_of(upload).s3_upload_id,
            PartNumber=1,
            Body=PUBLISHED,
        )
        resource = publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"]))
        own.client.put_object(Bucket=own.bucket, Key=own.scope, Body=b"forged")

        assert row_of(upload).key == own.scope
        assert read(publisher, resource) == PUBLISHED

        let_time_pass(publisher)
        sweep()

        assert [each.content for each in versions.versions(own.scope)] == [PUBLISHED]
        assert read(publisher, resource) == PUBLISHED

    def test_a_version_that_is_gone_is_not_attached(
        self, publisher: Caller, versions: VersionedBucket
    ) -> None:
        upload = publisher.upload(PUBLISHED)
        row = row_of(upload)
        versions.clear(row.key)

        answer = publisher.call(
            "resource_create", package_id=publisher.dataset, s3multipart_upload_id=upload["id"]
        )

        assert (answer.status, answer.error["code"]) == (409, "object_gone")


def _named(caller: Caller, filename: str) -> dict:
    return next(upload for upload in listed(caller) if upload["filename"] == filename)
