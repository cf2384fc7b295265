"""What a store did not take along with a copy or with parts is set afterwards."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from s3portal.buckets.sync.multipart import CopySource
from s3portal.buckets.sync.requests import RequestFailed
from s3portal.buckets.sync.taken_along import Incomplete, complete_copy, complete_parts
from s3portal.transfer import Failure

UNTIL = "2040-01-31T00:00:00.000Z"
LOCKS = {
    "x-amz-object-lock-mode": "GOVERNANCE",
    "x-amz-object-lock-retain-until-date": UNTIL,
    "x-amz-object-lock-legal-hold": "ON",
}


class Store:
    """Has tags and locks of objects, and notes what is asked and set."""

    def __init__(self, *, on_aws=False):
        self.store = SimpleNamespace(
            settings=SimpleNamespace(on_aws=on_aws), bucket="to", client=lambda: self
        )
        self.seen_to_take = set()
        self.tags = {}
        self.heads = {}
        self.calls = []
        self.versions = []
        self.may_only_write = self.may_not_tag = False

    def head(self, key, etag):
        self.calls.append("head")
        assert etag == "etag"
        if self.may_only_write:
            raise RequestFailed(Failure(403, "AccessDenied", ""))
        return self.heads.get(key, {})

    def get_object_tagging(self, Bucket, Key):
        self.calls.append("tags")
        if self.may_only_write:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObjectTagging")
        tags = self.tags.get((Bucket, Key))
        return {} if tags is None else {"TagSet": [{"Key": name, "Value": tags[name]} for name in tags]}

    def put_object_tagging(self, Bucket, Key, Tagging, VersionId=None):
        self.calls.append("put tags")
        self.versions.append(VersionId)
        if self.may_not_tag:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObjectTagging")
        self.tags[Bucket, Key] = {tag["Key"]: tag["Value"] for tag in Tagging["TagSet"]}

    def put_object_retention(self, Bucket, Key, Retention):
        self.calls.append(f"{Retention['Mode']} until {Retention['RetainUntilDate'][:10]}")

    def put_object_legal_hold(self, Bucket, Key, LegalHold):
        self.calls.append(f"hold {LegalHold['Status']}")


SOURCE = CopySource("from", "a", "etag")


def test_tags_that_are_missing_or_the_sources_are_set():
    store = Store()
    complete_parts(store, "a", "etag", {"x-amz-tagging": "k=v+w&e="})
    assert store.tags["to", "a"] == {"k": "v w", "e": ""}
    store.tags["from", "a"] = store.tags["to", "b"] = {"old": "1"}
    complete_copy(store, "b", "etag", {"x-amz-tagging": "new=1"}, SOURCE)
    assert store.tags["to", "b"] == {"new": "1"}
    complete_copy(store, "b", "etag", {"x-amz-tagging": ""}, SOURCE)
    assert store.tags["to", "b"] == {}
    assert store.seen_to_take == set()


def test_a_store_that_took_them_is_not_asked_again():
    store = Store()
    store.tags["to", "a"] = {"k": "v"}
    complete_parts(store, "a", "etag", {"x-amz-tagging": "k=v"})
    complete_copy(store, "a", "etag", {"x-amz-tagging": "k=v"}, SOURCE)
    asked = len(store.calls)
    complete_parts(store, "other", "etag", {"x-amz-tagging": "k=v"})
    complete_copy(store, "other", "etag", {"x-amz-tagging": "k=v"}, SOURCE)
    assert len(store.calls) == asked and "put tags" not in store.calls


def test_a_copy_that_has_the_tags_of_its_source_proves_nothing():
    store = Store()
    store.tags["from", "a"] = store.tags["to", "a"] = {"k": "v"}
    complete_copy(store, "a", "etag", {"x-amz-tagging": "k=v"}, SOURCE)
    complete_copy(store, "b", "etag", {"x-amz-tagging": "k=v"}, SOURCE)
    assert store.tags["to", "b"] == {"k": "v"}


def test_locks_that_are_missing_are_set():
    store = Store()
    complete_parts(store, "a", "etag", LOCKS)
    assert store.calls == ["head", "head", "GOVERNANCE until 2040-01-31", "hold ON"]


@pytest.mark.parametrize(
    "until", [UNTIL, "2040-01-31T00:00:00Z", "2040-01-31T00:00:00.4Z", "Tue, 31 Jan 2040 00:00:00 GMT"]
)
def test_locks_that_are_there_are_left(until):
    store = Store()
    store.heads["a"] = {**LOCKS, "x-amz-object-lock-retain-until-date": until}
    complete_copy(store, "a", "etag", LOCKS, SOURCE)
    complete_copy(store, "b", "etag", LOCKS, SOURCE)
    assert store.calls == ["head"]


def test_keys_that_may_only_write_set_them_without_a_look():
    store = Store()
    store.may_only_write = True
    complete_copy(store, "a", "etag", {**LOCKS, "x-amz-tagging": "k=v"}, SOURCE)
    assert store.tags["to", "a"] == {"k": "v"}
    assert {"GOVERNANCE until 2040-01-31", "hold ON"} < {*store.calls}


def test_exactly_the_version_that_was_made_gets_them():
    store = Store()
    store.heads["a"] = {"x-amz-version-id": "7"}
    complete_parts(store, "a", "etag", {"x-amz-tagging": "k=v"})
    assert store.versions == ["7"]


def test_what_cannot_be_set_is_said():
    store = Store()
    store.may_not_tag = True
    with pytest.raises(Incomplete, match="stored, but without its tags"):
        complete_parts(store, "a", "etag", {"x-amz-tagging": "k=v"})


def test_with_a_new_description_tags_as_wanted_prove_it():
    store = Store()
    store.tags["from", "a"] = store.tags["to", "a"] = {"k": "v"}
    headers = {"x-amz-metadata-directive": "REPLACE", "x-amz-tagging": "k=v"}
    complete_copy(store, "a", "etag", headers, SOURCE)
    assert store.seen_to_take == {"tags, copy"}


def test_aws_is_not_asked_nor_is_any_store_without_need():
    for store, headers in ((Store(on_aws=True), {**LOCKS, "x-amz-tagging": "k=v"}), (Store(), {})):
        complete_copy(store, "a", "etag", headers, SOURCE)
        complete_parts(store, "a", "etag", headers)
        assert store.calls == []
