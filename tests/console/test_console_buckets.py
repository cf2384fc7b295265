"""The list of buckets, a new one, and the end of one."""

from __future__ import annotations

from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.server.testing import RunningServer


def test_a_new_bucket_has_good_defaults(admin: ConsoleVisitor, running: RunningServer) -> None:
    admin.open("/ui/buckets/new")
    page = admin.submit(name="made-in-the-console", versioning="on")
    assert page.url.endswith("/ui/buckets/made-in-the-console/objects")
    s3 = client_for(running, "admin")
    assert s3.get_bucket_versioning(Bucket="made-in-the-console")["Status"] == "Enabled"
    block = s3.get_public_access_block(Bucket="made-in-the-console")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket="made-in-the-console")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}


def test_a_name_that_is_not_allowed_is_explained_and_the_form_keeps_it(admin: ConsoleVisitor) -> None:
    admin.open("/ui/buckets/new")
    page = admin.submit(name="Not_Allowed")
    assert page.status_code == 400
    assert 'value="Not_Allowed"' in page.text and 'role="alert"' in page.text


def test_only_the_typed_name_deletes(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket="to-be-deleted")
    admin.open("/ui/buckets/to-be-deleted/delete")
    assert admin.submit(name="another").status_code == 409
    s3.head_bucket(Bucket="to-be-deleted")
    admin.open("/ui/buckets/to-be-deleted/delete")
    assert "is deleted" in admin.submit(name="to-be-deleted").text
    assert "to-be-deleted" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_bucket_with_objects_is_not_deleted(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket="full-bucket")
    s3.put_object(Bucket="full-bucket", Key="a", Body=b"a")
    admin.open("/ui/buckets/full-bucket/delete")
    page = admin.submit(name="full-bucket")
    assert page.status_code == 409 and "not empty" in page.text


def test_who_may_not_is_told_so(limited: ConsoleVisitor) -> None:
    limited.open("/ui/buckets/new")
    page = limited.submit(name="not-for-me")
    assert page.status_code == 403 and "CreateBucket is not allowed to you" in page.text
