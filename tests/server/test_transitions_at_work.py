"""Lifecycle transitions at work: what is due gets its colder storage class, and nothing else changes."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, client_of
from test_lifecycle_at_work import after, enable_versioning

from s3portal.server.background import lifecycle as lifecycle_job
from s3portal.server.background import transitions
from s3portal.server.storage import journal

LARGE, SMALL = b"x" * 128 * 1024, b"x"


@pytest.fixture
def s3(s3_server):
    """A client that may change settings."""
    return client_of(s3_server, "admin")


def put_rules(s3, *rules, **more):
    numbered = [
        {"ID": f"rule {number}", "Status": "Enabled", "Filter": {}, **rule}
        for number, rule in enumerate(rules)
    ]
    configuration = {"Rules": numbered}
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=configuration, **more)


def to(storage_class, days, name="Days"):
    return {name: days, "StorageClass": storage_class}


def put(s3, key="a", body=LARGE, **more):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def class_of(s3, key="a", **more):
    return s3.head_object(Bucket=BUCKET, Key=key, **more).get("StorageClass", "STANDARD")


def test_only_the_storage_class_changes(s3_server, s3):
    put(s3, Metadata={"a": "b"}, Tagging="c=d")
    before = s3.head_object(Bucket=BUCKET, Key="a")
    put_rules(s3, {"Transitions": [to("GLACIER", 3)]})
    after(s3_server, 3)
    found = s3.get_object(Bucket=BUCKET, Key="a")
    assert (found["StorageClass"], found["Body"].read()) == ("GLACIER", LARGE)
    for name in ("ETag", "LastModified", "Metadata", "ContentType"):
        assert found[name] == before[name]
    assert found["TagCount"] == 1
    (listed,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert (listed["StorageClass"], listed["LastModified"].replace(microsecond=0)) == (
        "GLACIER",
        found["LastModified"],
    )


def test_not_before_its_day(s3_server, s3):
    put(s3)
    put_rules(s3, {"Transitions": [to("GLACIER", 30)]})
    after(s3_server, 28)
    assert class_of(s3) == "STANDARD"


def test_of_several_it_is_the_coldest_and_never_a_warmer_one(s3_server, s3):
    put(s3, "standard")
    put(s3, "archived", StorageClass="DEEP_ARCHIVE")
    put(s3, "filtered", StorageClass="ONEZONE_IA")
    put_rules(
        s3,
        {"Transitions": [to("STANDARD_IA", 30), to("GLACIER", 60), to("DEEP_ARCHIVE", 900)]},
        {"Filter": {"Prefix": "f"}, "Transitions": [to("GLACIER_IR", 1)]},
    )
    after(s3_server, 31)
    classes = [class_of(s3, key) for key in ("standard", "archived", "filtered")]
    assert classes == ["STANDARD_IA", "DEEP_ARCHIVE", "GLACIER_IR"]
    after(s3_server, 61)
    classes = [class_of(s3, key) for key in ("standard", "archived", "filtered")]
    assert classes == ["GLACIER", "DEEP_ARCHIVE", "GLACIER"]


@pytest.mark.parametrize(
    ("chosen", "more", "moved"),
    [
        ({}, {}, []),
        ({}, {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}, ["GLACIER"]),
        ({"ObjectSizeGreaterThan": 0}, {}, ["GLACIER", "GLACIER_IR"]),
    ],
)
def test_small_objects_stay_unless_they_are_meant(s3_server, s3, chosen, more, moved):
    for storage_class in ("GLACIER", "GLACIER_IR"):
        put(s3, body=SMALL)
        put_rules(s3, {"Filter": chosen, "Transitions": [to(storage_class, 0)]}, **more)
        after(s3_server, 1)
        assert class_of(s3) == (storage_class if storage_class in moved else "STANDARD")


def test_versions_that_are_no_longer_current(s3_server, s3):
    enable_versioning(s3)
    ids = [put(s3)["VersionId"] for _ in range(4)]
    spared = to("GLACIER", 5, "NoncurrentDays") | {"NewerNoncurrentVersions": 1}
    put_rules(s3, {"NoncurrentVersionTransitions": [to("STANDARD_IA", 30, "NoncurrentDays"), spared]})
    after(s3_server, 5)
    assert [class_of(s3, VersionId=each) for each in ids] == ["GLACIER", "GLACIER", "STANDARD", "STANDARD"]
    after(s3_server, 30)
    assert [class_of(s3, VersionId=each) for each in ids] == [
        "GLACIER",
        "GLACIER",
        "STANDARD_IA",
        "STANDARD",
    ]
    s3.delete_object(Bucket=BUCKET, Key="a", VersionId=ids[3])
    assert class_of(s3) == "STANDARD_IA"


def test_a_transition_comes_before_a_delete_marker(s3_server, s3):
    enable_versioning(s3)
    version_id = put(s3)["VersionId"]
    put_rules(s3, {"Transitions": [to("GLACIER", 1)], "Expiration": {"Days": 2}})
    after(s3_server, 2)
    page = s3.list_object_versions(Bucket=BUCKET)
    assert (len(page["DeleteMarkers"]), page["Versions"][0]["VersionId"]) == (1, version_id)
    assert page["Versions"][0]["StorageClass"] == "GLACIER"


def test_what_is_stored_again_meanwhile_stays_as_it_is(s3_server, s3, monkeypatch):
    put(s3)
    put_rules(s3, {"Transitions": [to("GLACIER", 1)]})
    reclass = transitions.reclass

    def store_first(*arguments):
        s3_server.clock.reset()
        put(s3, body=b"new")
        return reclass(*arguments)

    monkeypatch.setattr(transitions, "reclass", store_first)
    after(s3_server, 1)
    assert class_of(s3) == "STANDARD"


def test_many_at_a_time_and_each_once(s3_server, s3, monkeypatch):
    monkeypatch.setattr(lifecycle_job, "ENTRIES_AT_ONCE", 3)
    for number in range(7):
        put(s3, str(number), SMALL, Tagging="move=yes" if number else "move=no")
    chosen = {"And": {"ObjectSizeGreaterThan": 0, "Tags": [{"Key": "move", "Value": "yes"}]}}
    put_rules(s3, {"Filter": chosen, "Transitions": [to("GLACIER", 1)]})
    for _ in range(2):
        after(s3_server, 1)
    assert [class_of(s3, str(number)) for number in range(7)] == ["STANDARD", *["GLACIER"] * 6]
    changes = journal.changes_after(s3_server._server.storage, 0, 1000)
    moved = [change.key for change in changes if change.event == "LifecycleTransition"]
    assert moved == [str(number) for number in range(1, 7)]
