"""What other accounts and nobody known store in a bucket that lets them, with an ACL of their choice."""

from __future__ import annotations

import json

import pytest
from s3_callers import client_of, code_of, send

from s3portal.server.bucket_settings import acl
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

OWN, OTHER = "000000000000", "111122223333"
SHARED = "shared"
TARGET = {"Bucket": SHARED, "Key": "k"}
OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def user(name, *actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    keys = {"access_key_id": f"{name}-key", "secret_access_key": f"{name}-secret"}
    return {"name": name, "account": OTHER, "policy": {"Statement": statement}, **keys}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = server_config() | {"accounts": [{"id": OTHER, "name": "Hydrology"}]}
    config["users"] += [user("hydro", "s3:*"), user("narrow", "s3:PutObject")]
    config["users"].append(user("root", "s3:*") | {"account": OWN})
    with RunningServer(tmp_path_factory.mktemp("uploads") / "s3", config) as running:
        yield running


@pytest.fixture
def hydro(server):
    return client_of(server, "hydro")


@pytest.fixture
def new_bucket(server):
    """Returns a function that makes the bucket with an ownership, an ACL and a policy for everybody."""
    admin = client_of(server, "admin")

    def create(ownership, policy_action=None, effect="Allow", acl="private", **condition):
        admin.create_bucket(Bucket=SHARED, ObjectOwnership=ownership, ACL=acl)
        if policy_action:
            statements = [_statement("Allow", "s3:PutObject"), _statement(effect, policy_action, **condition)]
            text = json.dumps({"Version": "2012-10-17", "Statement": statements})
            admin.put_bucket_policy(Bucket=SHARED, Policy=text)
        return admin

    yield create
    for found in admin.list_objects_v2(Bucket=SHARED).get("Contents", []):
        admin.delete_object(Bucket=SHARED, Key=found["Key"])
    admin.delete_bucket(Bucket=SHARED)


def _statement(effect, action, **condition):
    more = {"Condition": condition} if condition else {}
    resource = f"arn:aws:s3:::{SHARED}/*"
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": resource, **more}


def permissions(client):
    answer = client.get_object_acl(**TARGET)
    grants = [
        (grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"])
        for grant in answer["Grants"]
    ]
    return answer["Owner"]["ID"], grants


def full_control(account):
    return canonical_id(account), "FULL_CONTROL"


@pytest.mark.parametrize("ownership", OWNERSHIPS)
def test_a_policy_that_allows_to_put_demands_full_control_for_the_owner(new_bucket, hydro, ownership):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies-condition-keys.html"""
    demanded = {"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    admin = new_bucket(ownership, "s3:PutObject", "Deny", **demanded)
    assert code_of(hydro.put_object, **TARGET, Body=b"x") == "AccessDenied"
    hydro.put_object(**TARGET, Body=b"x", ACL="bucket-owner-full-control")
    assert admin.get_object(**TARGET)["Body"].read() == b"x"
    owner, grants = permissions(admin)
    writer_owns = ownership == "ObjectWriter"
    assert owner == canonical_id(OTHER if writer_owns else OWN)
    assert grants == ([full_control(OTHER)] if writer_owns else []) + [full_control(OWN)]


def test_grants_in_headers_beside_a_permission_to_put(new_bucket, hydro):
    admin = new_bucket("ObjectWriter", "s3:PutObject")
    hydro.put_object(**TARGET, Body=b"x", GrantFullControl=f"id={canonical_id(OWN)}")
    assert permissions(admin) == (canonical_id(OTHER), [full_control(OWN)])


def test_whoever_began_an_upload_lists_its_parts_and_gives_it_up(server, new_bucket, hydro):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions"""
    admin = new_bucket("ObjectWriter", acl="public-read-write")
    upload = TARGET | {"UploadId": hydro.create_multipart_upload(**TARGET, ACL="public-read")["UploadId"]}
    hydro.upload_part(**upload, PartNumber=1, Body=b"x")
    answer = hydro.list_parts(**upload)
    assert [part["PartNumber"] for part in answer["Parts"]] == [1]
    arn = f"arn:aws:iam::{OTHER}:user/hydro"
    assert answer["Initiator"] == {"ID": arn, "DisplayName": "hydro"}
    narrow = client_of(server, "narrow")
    assert code_of(narrow.list_parts, **upload) == code_of(narrow.abort_multipart_upload, **upload)
    assert code_of(narrow.list_parts, **upload) == "AccessDenied"
    status, _, _ = send(server, "DELETE", f"/{SHARED}/k?uploadId={upload['UploadId']}")
    assert status == 403
    hydro.abort_multipart_upload(**upload)
    assert code_of(admin.list_parts, **upload) == "NoSuchUpload"


def test_nobody_else_lists_the_parts_of_an_upload_or_gives_it_up(new_bucket, hydro):
    admin = new_bucket("ObjectWriter", acl="public-read-write")
    upload = TARGET | {"UploadId": admin.create_multipart_upload(**TARGET)["UploadId"]}
    assert code_of(hydro.list_parts, **upload) == "AccessDenied"
    assert code_of(hydro.abort_multipart_upload, **upload) == "AccessDenied"
    admin.abort_multipart_upload(**upload)


def test_an_acl_on_what_is_there_needs_its_own_permission(new_bucket, hydro):
    admin = new_bucket("BucketOwnerPreferred", "s3:PutObject")
    admin.put_object(**TARGET, Body=b"x")
    assert code_of(hydro.put_object_acl, **TARGET, ACL="public-read") == "AccessDenied"


def test_a_denial_of_acls_counts_for_uploads_too(new_bucket, hydro):
    new_bucket("ObjectWriter", "s3:PutObjectAcl", "Deny")
    assert code_of(hydro.put_object, **TARGET, Body=b"x", ACL="public-read") == "AccessDenied"
    hydro.put_object(**TARGET, Body=b"x")


def test_the_writers_own_policies_must_allow_the_acl(server, new_bucket):
    new_bucket("ObjectWriter", "s3:PutObject")
    narrow = client_of(server, "narrow")
    assert code_of(narrow.put_object, **TARGET, Body=b"x", ACL="public-read") == "AccessDenied"
    narrow.put_object(**TARGET, Body=b"x")


def test_whoever_the_buckets_acl_lets_write_chooses_the_objects_acl(server, new_bucket, hydro):
    admin = new_bucket("ObjectWriter", acl="public-read-write")
    hydro.put_object(**TARGET, Body=b"x", ACL="public-read")
    assert permissions(hydro)[1] == [full_control(OTHER), (acl.ALL_USERS, "READ")]
    # What is there is replaced, whoever it belongs to.
    admin.put_object(**TARGET, Body=b"y", ACL="public-read")
    assert permissions(admin)[1] == [full_control(OWN), (acl.ALL_USERS, "READ")]
    assert send(server, "GET", f"/{SHARED}/k")[2] == b"y"


def test_a_form_of_nobody_known_chooses_the_objects_acl(server, new_bucket):
    admin = new_bucket("ObjectWriter", acl="public-read-write")
    fields = {"key": "k", "acl": "public-read", 'file"; filename="f': "x"}
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = "".join([*lines, "--b--\r\n"]).encode()
    status, _, answer = send(
        server, "POST", f"/{SHARED}", {"Content-Type": "multipart/form-data; boundary=b"}, body
    )
    assert (status, answer) == (204, b"")
    assert admin.get_object(**TARGET)["Body"].read() == b"x"
    block = {"BlockPublicAcls": True}
    admin.put_public_access_block(Bucket=SHARED, PublicAccessBlockConfiguration=block)
    status, _, answer = send(
        server, "POST", f"/{SHARED}", {"Content-Type": "multipart/form-data; boundary=b"}, body
    )
    assert (status, b"<Code>AccessDenied</Code>" in answer) == (403, True)


def test_what_others_wrote_is_the_buckets_owners_once_acls_are_disabled(new_bucket, hydro):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html"""
    admin = new_bucket("ObjectWriter", acl="public-read-write")
    hydro.put_object(**TARGET, Body=b"x", ACL="public-read")
    admin.put_bucket_acl(Bucket=SHARED, ACL="private")
    _set_ownership(admin, "BucketOwnerEnforced")
    assert permissions(admin) == (canonical_id(OWN), [full_control(OWN)])
    (listed,) = admin.list_objects(Bucket=SHARED)["Contents"]
    (version,) = admin.list_object_versions(Bucket=SHARED)["Versions"]
    assert (listed["Owner"]["ID"], version["Owner"]["ID"]) == (canonical_id(OWN), canonical_id(OWN))
    admin.put_object_acl(**TARGET, ACL="bucket-owner-full-control")
    assert code_of(admin.put_object_acl, **TARGET, ACL="public-read") == "AccessControlListNotSupported"
    _set_ownership(admin, "ObjectWriter")
    assert permissions(hydro) == (canonical_id(OTHER), [full_control(OTHER), (acl.ALL_USERS, "READ")])


def _set_ownership(client, name):
    controls = {"Rules": [{"ObjectOwnership": name}]}
    client.put_bucket_ownership_controls(Bucket=SHARED, OwnershipControls=controls)


def test_initiators_as_aws_names_them(server, new_bucket):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Initiator.html"""
    admin = new_bucket("BucketOwnerEnforced")
    for client in (client_of(server, "root"), admin):
        client.create_multipart_upload(**TARGET)
    uploads = admin.list_multipart_uploads(Bucket=SHARED)["Uploads"]
    assert [upload["Initiator"] for upload in uploads] == [
        {"ID": canonical_id(OWN), "DisplayName": "s3portal"},
        {"ID": f"arn:aws:iam::{OWN}:user/admin", "DisplayName": "admin"},
    ]
    for upload in uploads:
        admin.abort_multipart_upload(**TARGET, UploadId=upload["UploadId"])
