"""Finding what was written under a prefix, and clearing up what is not kept."""

import pytest
from foreign_store import is_foreign

from s3portal.server.testing import RunningServer
from s3portal.transfer import Store
from s3portal.transfer.store_failures import StoreFailed
from s3portal.transfer.written_objects import abort_uploads, list_page, remove_unkept

pytestmark = pytest.mark.skipif(is_foreign(), reason="needs a bucket with nothing else in it")


def put(store: Store, *keys: str) -> None:
    for key in keys:
        store.client().put_object(Bucket=store.bucket, Key=key, Body=b"1")


def keys(store: Store) -> list[str]:
    return [found["Key"] for found in store.client().list_objects_v2(Bucket=store.bucket).get("Contents", [])]


def begin(store: Store, key: str) -> str:
    return store.client().create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"]


def unfinished(store: Store) -> list[str]:
    listed = store.client().list_multipart_uploads(Bucket=store.bucket)
    return [upload["Key"] for upload in listed.get("Uploads", [])]


def in_pages_of(count: int, store: Store, operation: str) -> None:
    """Has every listing from here on come in pages of so many."""
    limit = {"ListObjectVersions": "MaxKeys", "ListMultipartUploads": "MaxUploads"}[operation]
    store.client().meta.events.register(
        f"before-parameter-build.s3.{operation}", lambda params, **_: params.update({limit: count})
    )


class TestListing:
    def test_pages_follow_each_other_to_the_end(self, store: Store) -> None:
        put(store, "p/1", "p/2", "p/3", "q/1")

        first = list_page(store, "p/", most=2)
        second = list_page(store, "p/", first.ends_at, most=2)

        assert [found.key for found in first.objects] == ["p/1", "p/2"]
        assert [found.key for found in second.objects] == ["p/3"]
        assert (first.ends_at, second.ends_at) == ("p/2", "")

    def test_nothing_is_an_empty_page(self, store: Store) -> None:
        assert list_page(store, "nothing/") == type(list_page(store, "nothing/"))((), "")

    @pytest.mark.parametrize("key", ["p/a b", "p/ü", "p/\t", "p/%2e", "p/a//b", "p/&<>"])
    def test_odd_keys_come_as_they_are(self, store: Store, key: str) -> None:
        put(store, key)

        [found] = list_page(store, "p/").objects

        assert (found.key, found.size_bytes, len(found.etag)) == (key, 1, 32)


class TestRemoving:
    def test_what_is_kept_stays(self, store: Store) -> None:
        put(store, "p/1", "p/2", "q/1")

        assert remove_unkept(store, "p/", {("p/2", None)}, exact=False) == 1

        assert keys(store) == ["p/2", "q/1"]

    def test_a_whole_key_is_no_prefix(self, store: Store) -> None:
        put(store, "p/1", "p/10")

        assert remove_unkept(store, "p/1", set(), exact=True) == 1

        assert keys(store) == ["p/10"]

    def test_a_kept_version_keeps_its_key_where_versions_cannot_be_listed(
        self, store: Store, s3_server: RunningServer
    ) -> None:
        """A plain DELETE would put a marker above it, and a rule of the bucket might then remove it."""
        put(store, "p/1", "p/2")
        s3_server.faults.add("ListObjectVersions", status=403)

        remove_unkept(store, "p/", {("p/1", "3HL4kqtJlcpXroDTDmJ")}, exact=False)

        assert keys(store) == ["p/1"]

    def test_more_than_a_page(self, store: Store) -> None:
        put(store, *(f"p/{number}" for number in range(8)))
        in_pages_of(3, store, "ListObjectVersions")

        assert remove_unkept(store, "p/", {("p/5", None)}, exact=False) == 7

        assert keys(store) == ["p/5"]

    def test_a_store_that_fails_is_a_failure(self, store: Store, s3_server: RunningServer) -> None:
        put(store, "p/1")
        s3_server.faults.add("DeleteObject", status=403)

        with pytest.raises(StoreFailed):
            remove_unkept(store, "p/", set(), exact=False)


class TestAborting:
    def test_what_is_kept_stays(self, store: Store) -> None:
        kept = begin(store, "p/1")
        begin(store, "p/1")
        begin(store, "p/2")
        begin(store, "q/1")

        assert abort_uploads(store, "p/", {kept}, exact=False) == 2

        assert unfinished(store) == ["p/1", "q/1"]

    def test_more_than_a_page(self, store: Store) -> None:
        for number in range(8):
            begin(store, f"p/{number}")
        in_pages_of(3, store, "ListMultipartUploads")

        assert abort_uploads(store, "p/", (), exact=False) == 8

        assert unfinished(store) == []

    def test_a_whole_key_is_no_prefix(self, store: Store) -> None:
        begin(store, "p/1")
        begin(store, "p/10")

        assert abort_uploads(store, "p/1", (), exact=True) == 1

        assert unfinished(store) == ["p/10"]

    def test_a_store_that_does_not_allow_listing_is_left_to_its_rule(
        self, store: Store, s3_server: RunningServer
    ) -> None:
        begin(store, "p/1")
        s3_server.faults.add("ListMultipartUploads", status=403)

        assert abort_uploads(store, "p/", (), exact=False) == 0
