"""The quota of a user with a path, and of one who gets another name: nobody leaves it behind."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from identity_callers import arn_of, iam_of, new_user, policy
from s3_callers import BUCKET, client_of, code_of, send, signed_headers

from s3portal.server.command import server_command
from s3portal.server.storage import quotas, usage
from s3portal.server.storage.records import Quota


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def anna(s3_server, iam):
    return client_of(s3_server, **new_user(iam, "anna", policy("s3:*"), Path="/lab/"))


def quota_of(server, name, document=None):
    target, body = f"/?quota-user={name}", json.dumps(document).encode() if document else b""
    method = "PUT" if document else "GET"
    headers = signed_headers(server, method, server.endpoint + target, None, body, "admin")
    status, _, answer = send(server, method, target, headers, body or None)
    assert status in (200, 204), answer
    return json.loads(answer or b"{}")


def test_a_user_with_a_path_is_found_by_its_name(s3_server, anna):
    quota_of(s3_server, "anna", {"max_bytes": None, "max_objects": 1})
    anna.put_object(Bucket=BUCKET, Key="a", Body=b"12345")
    assert code_of(anna.put_object, Bucket=BUCKET, Key="b") == "QuotaExceeded"
    shown = quota_of(s3_server, "anna")
    assert (shown["user"], shown["usage"]["bytes"]) == (arn_of("user", "anna", "/lab/"), 5)
    root = s3_server._server.storage.root
    told = CliRunner().invoke(
        server_command, ["--root", str(root), "quota", "--user", "anna", "--max-objects", "2", "--json"]
    )
    assert json.loads(told.output)[0]["name"] == arn_of("user", "anna", "/lab/")
    anna.put_object(Bucket=BUCKET, Key="b")
    assert code_of(anna.put_object, Bucket=BUCKET, Key="c") == "QuotaExceeded"


def test_a_new_name_or_path_takes_everything_along(s3_server, iam, anna):
    storage = s3_server._server.storage
    admin = client_of(s3_server, "admin")
    admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    quota_of(s3_server, "anna", {"max_bytes": 1000, "max_objects": 3})
    for body in (b"1", b"22"):
        anna.put_object(Bucket=BUCKET, Key="k", Body=body)
    upload = anna.create_multipart_upload(Bucket=BUCKET, Key="u")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "u", "UploadId": upload, "PartNumber": 1}
    etag = anna.upload_part(Body=b"333", **part)["ETag"]
    old, new = arn_of("user", "anna", "/lab/"), arn_of("user", "anne")
    before = usage.of_user(storage, old)
    assert (before.objects, before.size_bytes, before.upload_bytes) == (2, 3, 3)

    iam.update_user(UserName="anna", NewUserName="anne", NewPath="/")
    assert usage.of_user(storage, new) == before
    assert usage.of_user(storage, old) == usage.NOTHING
    assert (quotas.of_user(storage, new), quotas.of_user(storage, old)) == (Quota(1000, 3), quotas.NO_QUOTA)
    anna.complete_multipart_upload(
        Bucket=BUCKET, Key="u", UploadId=upload, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]}
    )
    assert code_of(anna.put_object, Bucket=BUCKET, Key="more") == "QuotaExceeded"
    for version in admin.list_object_versions(Bucket=BUCKET)["Versions"]:
        admin.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    assert usage.of_user(storage, new) == usage.NOTHING
    with storage.database.read() as connection:
        assert usage.users_in(connection).get(new, usage.NOTHING) == usage.NOTHING

    # A new user of the old name begins with nothing, and without the quota.
    iam.create_user(UserName="anna", Path="/lab/")
    assert quota_of(s3_server, "anna")["quota"] == {"max_bytes": None, "max_objects": None}
