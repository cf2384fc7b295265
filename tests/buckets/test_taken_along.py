"""What a store did not take along with a copy or with parts is set afterwards."""

from types import SimpleNamespace

import pytest

from s3portal.buckets.sync.multipart import CopySource
from s3portal.buckets.sync.taken_along import complete_copy, complete_parts

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

    def head(self, key, etag):
        self.calls.append("head")
        return self.heads.get(key, {})

    def get_object_tagging(self, Bucket, Key):
        self.calls.append("tags")
        tags = self.tags.get((Bucket, Key))
        return {} if tags is None else {"TagSet": [{"Key": name, "Value": tags[name]} for name in tags]}

    def put_object_tagging(self, Bucket, Key, Tagging):
        self.calls.append("put tags")
        self.tags[Bucket, Key] = {tag["Key"]: tag["Value"] for tag in Tagging["TagSet"]}

    def put_object_retention(self, Bucket, Key, Retention):
        self.calls.append(f"{Retention['Mode']} until {Retention['RetainUntilDate']:%Y-%m-%d}")

    def put_object_legal_hold(self, Bucket, Key, LegalHold):
        self.calls.append(f"hold {LegalHold['Status']}")


SOURCE = CopySource("from", "a", "etag")


def test_tags_that_are_missing_or_the_sources_are_set():
    store = Store()
    complete_parts(store, "a", {"x-amz-tagging": "k=v+w&e="})
    assert store.tags["to", "a"] == {"k": "v w", "e": ""}
    store.tags["from", "a"] = store.tags["to", "b"] = {"old": "1"}
    complete_copy(store, "b", {"x-amz-tagging": "new=1"}, SOURCE)
    assert store.tags["to", "b"] == {"new": "1"}
    complete_copy(store, "b", {"x-amz-tagging": ""}, SOURCE)
    assert store.tags["to", "b"] == {}
    assert store.seen_to_take == set()


def test_a_store_that_took_them_is_not_asked_again():
    store = Store()
    store.tags["to", "a"] = {"k": "v"}
    complete_parts(store, "a", {"x-amz-tagging": "k=v"})
    complete_copy(store, "a", {"x-amz-tagging": "k=v"}, SOURCE)
    asked = len(store.calls)
    complete_parts(store, "other", {"x-amz-tagging": "k=v"})
    complete_copy(store, "other", {"x-amz-tagging": "k=v"}, SOURCE)
    assert len(store.calls) == asked and "put tags" not in store.calls


def test_a_copy_that_has_the_tags_of_its_source_proves_nothing():
    store = Store()
    store.tags["from", "a"] = store.tags["to", "a"] = {"k": "v"}
    complete_copy(store, "a", {"x-amz-tagging": "k=v"}, SOURCE)
    complete_copy(store, "b", {"x-amz-tagging": "k=v"}, SOURCE)
    assert store.tags["to", "b"] == {"k": "v"}


def test_locks_that_are_missing_are_set():
    store = Store()
    complete_parts(store, "a", LOCKS)
    assert store.calls == ["head", "GOVERNANCE until 2040-01-31", "hold ON"]


@pytest.mark.parametrize("until", [UNTIL, "2040-01-31T00:00:00Z", "2040-01-31T00:00:00.400Z"])
def test_locks_that_are_there_are_left(until):
    store = Store()
    store.heads["a"] = {**LOCKS, "x-amz-object-lock-retain-until-date": until}
    complete_copy(store, "a", LOCKS, SOURCE)
    complete_copy(store, "b", LOCKS, SOURCE)
    assert store.calls == ["head"]


def test_aws_is_not_asked_nor_is_any_store_without_need():
    for store, headers in ((Store(on_aws=True), {**LOCKS, "x-amz-tagging": "k=v"}), (Store(), {})):
        complete_copy(store, "a", headers, SOURCE)
        complete_parts(store, "a", headers)
        assert store.calls == []
