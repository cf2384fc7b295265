"""ACLs of buckets and objects: asked for in every form, refused where they are disabled, and shown."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of, send, signed_headers

from s3portal.server.bucket_settings import acl
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

OTHER = "111122223333"
OWN_ID, OTHER_ID = canonical_id("000000000000"), canonical_id(OTHER)
ACLS = "with-acls"
EVERYBODY = {"Type": "Group", "URI": acl.ALL_USERS}
FULL_CONTROL = {
    "Grantee": {"Type": "CanonicalUser", "ID": OWN_ID, "DisplayName": "s3portal"},
    "Permission": "FULL_CONTROL",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = server_config() | {"accounts": [{"id": OTHER, "name": "Hydrology"}]}
    with RunningServer(tmp_path_factory.mktemp("acls") / "s3", config) as running:
        yield running


@pytest.fixture
def admin(server):
    client = client_of(server, "admin")
    client.create_bucket(Bucket=ACLS, ObjectOwnership="ObjectWriter")
    client.put_bucket_ownership_controls(
        Bucket=ACLS, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    client.put_bucket_acl(Bucket=ACLS, ACL="private")
    client.delete_public_access_block(Bucket=ACLS)
    client.put_object(Bucket=ACLS, Key="k", Body=b"x")
    return client


def permissions(answer):
    return [
        (grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"])
        for grant in answer["Grants"]
    ]


OWN = (OWN_ID, "FULL_CONTROL")
CANNED = {
    "private": [OWN],
    "public-read": [OWN, (acl.ALL_USERS, "READ")],
    "public-read-write": [OWN, (acl.ALL_USERS, "READ"), (acl.ALL_USERS, "WRITE")],
    "authenticated-read": [OWN, (acl.AUTHENTICATED_USERS, "READ")],
}


@pytest.mark.parametrize("name", CANNED)
def test_canned_acls_of_buckets_and_objects(admin, name):
    admin.put_bucket_acl(Bucket=ACLS, ACL=name)
    answer = admin.get_bucket_acl(Bucket=ACLS)
    assert answer["Owner"] == {"ID": OWN_ID, "DisplayName": "s3portal"}
    assert permissions(answer) == CANNED[name]
    admin.put_object_acl(Bucket=ACLS, Key="k", ACL=name)
    assert permissions(admin.get_object_acl(Bucket=ACLS, Key="k")) == CANNED[name]


def test_canned_acls_of_one_kind_only(admin):
    admin.put_bucket_acl(Bucket=ACLS, ACL="log-delivery-write")
    log = [(acl.LOG_DELIVERY, "WRITE"), (acl.LOG_DELIVERY, "READ_ACP")]
    assert permissions(admin.get_bucket_acl(Bucket=ACLS)) == [OWN, *log]
    assert code_of(admin.put_object_acl, Bucket=ACLS, Key="k", ACL="log-delivery-write") == "InvalidArgument"
    for name in ("bucket-owner-read", "bucket-owner-full-control"):
        admin.put_object_acl(Bucket=ACLS, Key="k", ACL=name)
        assert permissions(admin.get_object_acl(Bucket=ACLS, Key="k")) == [OWN]
    refusal = refusal_of(admin.put_bucket_acl, Bucket=ACLS, ACL="public")
    assert (refusal.status, refusal.code, refusal.error["ArgumentName"]) == (
        400,
        "InvalidArgument",
        "x-amz-acl",
    )


def test_what_an_object_is_stored_with(admin):
    target = {"Bucket": ACLS, "Key": "new"}
    expected = CANNED["public-read"]
    admin.put_object(**target, Body=b"x", ACL="public-read")
    assert permissions(admin.get_object_acl(**target)) == expected
    admin.put_object(**target, Body=b"x")
    assert permissions(admin.get_object_acl(**target)) == [OWN]
    admin.copy_object(**target, CopySource=f"{ACLS}/k", ACL="public-read")
    assert permissions(admin.get_object_acl(**target)) == expected
    admin.copy_object(Bucket=ACLS, Key="copy", CopySource=f"{ACLS}/new")
    assert permissions(admin.get_object_acl(Bucket=ACLS, Key="copy")) == [OWN]
    upload_id = admin.create_multipart_upload(**target, ACL="public-read")["UploadId"]
    etag = admin.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    admin.complete_multipart_upload(**target, UploadId=upload_id, MultipartUpload=parts)
    assert permissions(admin.get_object_acl(**target)) == expected


def test_grants_in_headers(admin):
    admin.put_object(
        Bucket=ACLS,
        Key="granted",
        Body=b"x",
        GrantRead=f'id="{OTHER_ID}", uri="{acl.ALL_USERS}"',
        GrantFullControl=f"id={OWN_ID}",
        GrantWriteACP=f"ID={OTHER_ID}",
    )
    assert permissions(admin.get_object_acl(Bucket=ACLS, Key="granted")) == [
        OWN,
        (OTHER_ID, "READ"),
        (acl.ALL_USERS, "READ"),
        (OTHER_ID, "WRITE_ACP"),
    ]
    answer = admin.get_object_acl(Bucket=ACLS, Key="granted")
    assert answer["Grants"][1]["Grantee"]["DisplayName"] == "Hydrology"


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        ("id=unknown", "InvalidArgument"),
        ("id=" + "0" * 64, "InvalidArgument"),
        ("uri=http://acs.amazonaws.com/groups/global/Nobody", "InvalidArgument"),
        ("emailAddress=a@example.org", "UnresolvableGrantByEmailAddress"),
        ("everybody", "InvalidArgument"),
        (f"id={OWN_ID};id={OWN_ID}", "InvalidArgument"),
        (",", "InvalidArgument"),
        (f"id={OWN_ID},", "InvalidArgument"),
    ],
)
def test_grants_that_cannot_be_made(admin, grant, code):
    assert code_of(admin.put_object_acl, Bucket=ACLS, Key="k", GrantRead=grant) == code
    assert code_of(admin.put_bucket_acl, Bucket=ACLS, GrantRead=grant) == code
    assert code_of(admin.put_object, Bucket=ACLS, Key="n", Body=b"x", GrantRead=grant) == code


def test_a_canned_acl_beside_grants(admin):
    assert (
        code_of(admin.put_bucket_acl, Bucket=ACLS, ACL="private", GrantRead=f"id={OWN_ID}")
        == "InvalidRequest"
    )


def test_an_acl_as_a_document(admin):
    other = {"Grantee": {"Type": "CanonicalUser", "ID": OTHER_ID}, "Permission": "READ_ACP"}
    everybody = {"Grantee": EVERYBODY, "Permission": "READ"}
    policy = {"Owner": {"ID": OWN_ID}, "Grants": [FULL_CONTROL, other, everybody]}
    expected = [OWN, (OTHER_ID, "READ_ACP"), (acl.ALL_USERS, "READ")]
    admin.put_bucket_acl(Bucket=ACLS, AccessControlPolicy=policy)
    assert permissions(admin.get_bucket_acl(Bucket=ACLS)) == expected
    admin.put_object_acl(Bucket=ACLS, Key="k", AccessControlPolicy=policy)
    answer = admin.get_object_acl(Bucket=ACLS, Key="k")
    assert permissions(answer) == expected
    # What was shown can be put again as it is.
    shown = {"Owner": answer["Owner"], "Grants": answer["Grants"]}
    admin.put_object_acl(Bucket=ACLS, Key="k", AccessControlPolicy=shown)
    assert permissions(admin.get_object_acl(Bucket=ACLS, Key="k")) == expected


def test_an_acl_without_the_owners_own_grant_is_kept_as_it_is(admin):
    admin.put_object_acl(Bucket=ACLS, Key="k", AccessControlPolicy={"Owner": {"ID": OWN_ID}, "Grants": []})
    assert permissions(admin.get_object_acl(Bucket=ACLS, Key="k")) == []
    admin.put_object_acl(Bucket=ACLS, Key="k", ACL="private")


def test_an_acl_gives_nothing_away(admin):
    policy = {"Owner": {"ID": OTHER_ID}, "Grants": [FULL_CONTROL]}
    refusal = refusal_of(admin.put_object_acl, Bucket=ACLS, Key="k", AccessControlPolicy=policy)
    assert (refusal.status, refusal.code) == (403, "AccessDenied")


GRANTEE = (
    '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
    f"<ID>{OWN_ID}</ID></Grantee>"
)
GRANT = f"<Grant>{GRANTEE}<Permission>READ</Permission></Grant>"
OWNER = f"<Owner><ID>{OWN_ID}</ID></Owner>"


@pytest.mark.parametrize(
    "content",
    [
        "",
        OWNER,
        f"<AccessControlList>{GRANT}</AccessControlList>",
        f"{OWNER}<AccessControlList><Grant>{GRANTEE}</Grant></AccessControlList>",
        f"{OWNER}<AccessControlList><Grant>{GRANTEE}<Permission>ALL</Permission></Grant></AccessControlList>",
        f"{OWNER}<AccessControlList><Grant><Permission>READ</Permission></Grant></AccessControlList>",
        f"{OWNER}<AccessControlList>{GRANT * 101}</AccessControlList>",
        f"{OWNER}<AccessControlList>{GRANT.replace('CanonicalUser', 'Group')}</AccessControlList>",
        f"{OWNER}<AccessControlList><Later/></AccessControlList>",
        f"{OWNER}<AccessControlList>",
    ],
)
def test_a_document_that_is_no_acl(server, admin, content):
    body = f"<AccessControlPolicy>{content}</AccessControlPolicy>".encode()
    for path in (f"/{ACLS}?acl", f"/{ACLS}/k?acl"):
        headers = signed_headers(server, "PUT", server.endpoint + path, body=body, user="admin")
        status, _, answer = send(server, "PUT", path, headers, body)
        assert (status, b"<Code>MalformedACLError</Code>" in answer) == (400, True), answer


def test_neither_header_nor_document(server, admin):
    path = f"/{ACLS}?acl"
    headers = signed_headers(server, "PUT", server.endpoint + path, user="admin")
    status, _, answer = send(server, "PUT", path, headers, b"")
    assert (status, b"<Code>MissingSecurityHeader</Code>" in answer) == (400, True)


def test_where_acls_are_disabled_they_are_shown_and_not_taken(admin):
    admin.put_object(Bucket=BUCKET, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    assert permissions(admin.get_object_acl(Bucket=BUCKET, Key="k")) == [OWN]
    assert permissions(admin.get_bucket_acl(Bucket=BUCKET)) == [OWN]
    for call, more in (
        (admin.put_bucket_acl, {"ACL": "private"}),
        (admin.put_bucket_acl, {"ACL": "public-read"}),
        (admin.put_object_acl, {"Key": "k", "ACL": "public-read"}),
        (admin.put_object, {"Key": "k", "Body": b"x", "ACL": "public-read"}),
        (admin.put_object, {"Key": "k", "Body": b"x", "GrantRead": f"uri={acl.ALL_USERS}"}),
        (admin.create_multipart_upload, {"Key": "k", "ACL": "public-read"}),
        (admin.copy_object, {"Key": "k", "CopySource": f"{ACLS}/k", "ACL": "public-read"}),
    ):
        refusal = refusal_of(call, Bucket=BUCKET, **more)
        assert (refusal.status, refusal.code) == (400, "AccessControlListNotSupported"), (call, more)
    admin.put_object_acl(Bucket=BUCKET, Key="k", ACL="bucket-owner-full-control")
    same = {"Owner": {"ID": OWN_ID}, "Grants": [FULL_CONTROL]}
    admin.put_object_acl(Bucket=BUCKET, Key="k", AccessControlPolicy=same)


def test_disabling_acls_while_the_buckets_own_lets_others_in(admin):
    admin.put_bucket_acl(Bucket=ACLS, ACL="public-read")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    refusal = refusal_of(admin.put_bucket_ownership_controls, Bucket=ACLS, OwnershipControls=enforced)
    assert (refusal.status, refusal.code) == (400, "InvalidBucketAclWithObjectOwnership")
    admin.put_bucket_acl(Bucket=ACLS, ACL="private")
    admin.put_bucket_ownership_controls(Bucket=ACLS, OwnershipControls=enforced)
    assert code_of(admin.put_bucket_acl, Bucket=ACLS, ACL="public-read") == "AccessControlListNotSupported"


def test_ownership_controls_from_put_to_delete(admin):
    for name in ("BucketOwnerPreferred", "ObjectWriter"):
        controls = {"Rules": [{"ObjectOwnership": name}]}
        admin.put_bucket_ownership_controls(Bucket=ACLS, OwnershipControls=controls)
        assert admin.get_bucket_ownership_controls(Bucket=ACLS)["OwnershipControls"] == controls
    admin.delete_bucket_ownership_controls(Bucket=ACLS)
    refusal = refusal_of(admin.get_bucket_ownership_controls, Bucket=ACLS)
    assert (refusal.status, refusal.code) == (404, "OwnershipControlsNotFoundError")
    admin.put_object_acl(Bucket=ACLS, Key="k", ACL="public-read")
    wrong = {"Rules": [{"ObjectOwnership": "Nobody"}]}
    assert (
        code_of(admin.put_bucket_ownership_controls, Bucket=ACLS, OwnershipControls=wrong) == "MalformedXML"
    )
    two = {"Rules": [{"ObjectOwnership": "ObjectWriter"}] * 2}
    assert code_of(admin.put_bucket_ownership_controls, Bucket=ACLS, OwnershipControls=two) == "MalformedXML"


def test_public_acls_are_refused_where_they_are_blocked(admin):
    block = {"BlockPublicAcls": True}
    admin.put_public_access_block(Bucket=ACLS, PublicAccessBlockConfiguration=block)
    for name in ("public-read", "public-read-write", "authenticated-read"):
        for call, more in (
            (admin.put_bucket_acl, {}),
            (admin.put_object_acl, {"Key": "k"}),
            (admin.put_object, {"Key": "k", "Body": b"x"}),
            (admin.create_multipart_upload, {"Key": "k"}),
            (admin.copy_object, {"Key": "n", "CopySource": f"{ACLS}/k"}),
        ):
            assert code_of(call, Bucket=ACLS, ACL=name, **more) == "AccessDenied"
    admin.put_bucket_acl(Bucket=ACLS, ACL="private")
    admin.put_object_acl(Bucket=ACLS, Key="k", GrantRead=f"id={OTHER_ID}")


def test_the_block_from_put_to_delete(admin):
    refusal = refusal_of(admin.get_public_access_block, Bucket=ACLS)
    assert (refusal.status, refusal.code) == (404, "NoSuchPublicAccessBlockConfiguration")
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": False,
    }
    admin.put_public_access_block(Bucket=ACLS, PublicAccessBlockConfiguration=block)
    assert admin.get_public_access_block(Bucket=ACLS)["PublicAccessBlockConfiguration"] == block
    admin.delete_public_access_block(Bucket=ACLS)
    assert code_of(admin.get_public_access_block, Bucket=ACLS) == "NoSuchPublicAccessBlockConfiguration"


def test_acls_of_what_is_not_there(admin):
    assert code_of(admin.get_object_acl, Bucket=ACLS, Key="missing") == "NoSuchKey"
    assert code_of(admin.put_object_acl, Bucket=ACLS, Key="missing", ACL="private") == "NoSuchKey"
    assert code_of(admin.get_bucket_acl, Bucket="missing") == "NoSuchBucket"
    no_version = {"Bucket": ACLS, "Key": "k", "VersionId": "0" * 32}
    assert code_of(admin.get_object_acl, **no_version) == "NoSuchVersion"
    admin.put_object_acl(Bucket=ACLS, Key="k", VersionId="null", ACL="public-read")
    assert permissions(admin.get_object_acl(Bucket=ACLS, Key="k")) == CANNED["public-read"]
