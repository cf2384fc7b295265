"""An object that is replaced between the decision about it and the act: nobody gets what was not judged."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from s3_callers import BUCKET, code_of, session_client
from test_sts import assume

from s3portal.server.api.acl import object_acls
from s3portal.server.api.multipart import part_copies
from s3portal.server.api.objects import attributes, copying, deleting, reading, renaming, retention, tagging
from s3portal.server.gateway import judged_objects

OBJECT = {"Bucket": BUCKET, "Key": "k"}
OPEN, SECRET = "class=open", "class=secret"
EVERYTHING = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
NOTHING_SECRET = {
    "Effect": "Deny",
    "Action": "s3:*",
    "Resource": "*",
    "Condition": {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}},
}
MONTH = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(timezone.utc) + timedelta(days=30)}


@pytest.fixture
def limited(s3_server):
    """A client that may do everything to objects without the tag class=secret."""
    statements = [EVERYTHING, NOTHING_SECRET]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    return session_client(s3_server, assume(s3_server, Policy=policy)["Credentials"])


@pytest.fixture
def before(monkeypatch):
    """Lets something happen once, right before a function of the server is called: after the decision."""

    def arrange(module, name, change):
        called, changes = getattr(module, name), [change]

        def then_call(*arguments, **named):
            if changes:
                changes.pop()()
            return called(*arguments, **named)

        monkeypatch.setattr(module, name, then_call)
        return changes

    return arrange


def put(s3, tags, body=b"old", key="k"):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, Tagging=tags)


TAGS = {"TagSet": [{"Key": "class", "Value": "open"}]}
UNLOCKED = {
    "get": (reading, "find_named_object", lambda c: c.get_object(**OBJECT)),
    "head": (reading, "find_named_object", lambda c: c.head_object(**OBJECT)),
    "attributes": (
        attributes,
        "find_named_object",
        lambda c: c.get_object_attributes(**OBJECT, ObjectAttributes=["ETag"]),
    ),
    "get tags": (tagging, "find_named", lambda c: c.get_object_tagging(**OBJECT)),
    "put tags": (tagging, "change_named", lambda c: c.put_object_tagging(**OBJECT, Tagging=TAGS)),
    "delete tags": (tagging, "change_named", lambda c: c.delete_object_tagging(**OBJECT)),
    "get acl": (object_acls, "find_named", lambda c: c.get_object_acl(**OBJECT)),
    "put acl": (
        object_acls,
        "change_named",
        lambda c: c.put_object_acl(**OBJECT, ACL="bucket-owner-full-control"),
    ),
    "copy": (copying, "read_copy_source", lambda c: c.copy_object(Bucket=BUCKET, Key="2", CopySource=OBJECT)),
    "delete": (deleting.deletion, "delete", lambda c: c.delete_object(**OBJECT)),
    "rename": (
        renaming.renaming,
        "rename",
        lambda c: c._make_api_call("RenameObject", {"Bucket": BUCKET, "Key": "2", "RenameSource": "k"}),
    ),
}
LOCKED = {
    "get retention": ("find_named", lambda c: c.get_object_retention(**OBJECT)),
    "put retention": ("change_named", lambda c: c.put_object_retention(**OBJECT, Retention=MONTH)),
    "get hold": ("find_named", lambda c: c.get_object_legal_hold(**OBJECT)),
    "put hold": ("change_named", lambda c: c.put_object_legal_hold(**OBJECT, LegalHold={"Status": "ON"})),
}


@pytest.mark.parametrize("name", UNLOCKED)
def test_what_came_meanwhile_is_judged_too(s3, limited, before, name):
    module, function, call = UNLOCKED[name]
    put(s3, OPEN)
    changes = before(module, function, lambda: put(s3, SECRET))
    assert code_of(call, c=limited) in ("AccessDenied", "403")
    assert not changes
    assert s3.get_object(**OBJECT)["Body"].read() == b"old"
    assert s3.get_object_tagging(**OBJECT)["TagSet"] == [{"Key": "class", "Value": "secret"}]


@pytest.mark.parametrize("name", UNLOCKED)
def test_what_may_be_had_is_had_though_it_was_replaced_by_what_may_be_had(s3, limited, before, name):
    module, function, call = UNLOCKED[name]
    put(s3, OPEN)
    changes = before(module, function, lambda: put(s3, "class=other"))
    call(limited)
    assert not changes


@pytest.mark.parametrize("name", LOCKED)
def test_locks_are_of_what_was_judged(s3, limited, before, name):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    put(s3, OPEN)
    function, call = LOCKED[name]
    changes = before(retention, function, lambda: put(s3, SECRET))
    assert code_of(call, c=limited) == "AccessDenied"
    assert not changes
    assert not {"ObjectLockMode", "ObjectLockLegalHoldStatus"} & set(s3.head_object(**OBJECT))


def test_a_part_is_copied_of_what_was_judged(s3, limited, before):
    put(s3, OPEN)
    target = {"Bucket": BUCKET, "Key": "parts"}
    upload_id = limited.create_multipart_upload(**target)["UploadId"]
    before(part_copies, "read_copy_source", lambda: put(s3, SECRET))
    part = {**target, "UploadId": upload_id, "PartNumber": 1, "CopySource": OBJECT}
    assert code_of(limited.upload_part_copy, **part) == "AccessDenied"
    assert "Parts" not in s3.list_parts(**target, UploadId=upload_id)


def test_of_many_only_those_are_deleted_that_were_judged(s3, limited, before):
    keys = ["1", "2", "3"]
    for key in keys:
        put(s3, OPEN, key=key)
    before(deleting.deletion, "delete", lambda: (put(s3, SECRET, key="1"), put(s3, "class=other", key="2")))
    answer = limited.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in [*keys, "3"]]})
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("1", "AccessDenied")]
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["2", "3", "3"]
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["1"]


def test_a_named_version_is_judged_by_its_own_tags(s3, limited):
    """Not by those of the current one: the count of tags and the lock are facts of the version, too."""
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    secret, opened = put(s3, SECRET)["VersionId"], put(s3, OPEN)["VersionId"]
    assert code_of(limited.get_object, **OBJECT, VersionId=secret) == "AccessDenied"
    put(s3, SECRET)
    answer = limited.get_object(**OBJECT, VersionId=opened)
    assert answer["TagCount"] == 1
    copied = limited.copy_object(Bucket=BUCKET, Key="2", CopySource={**OBJECT, "VersionId": opened})
    assert copied["CopySourceVersionId"] == opened


def test_what_is_never_the_same_twice_is_refused_in_the_end(s3, limited, monkeypatch):
    put(s3, OPEN)
    counted = iter(range(1000))
    found = judged_objects.JudgedObjects.facts

    def then_replaced(*arguments):
        facts = found(*arguments)
        put(s3, f"class={next(counted)}")
        return facts

    monkeypatch.setattr(judged_objects.JudgedObjects, "facts", then_replaced)
    assert code_of(limited.get_object, **OBJECT) == "OperationAborted"
