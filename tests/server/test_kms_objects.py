"""Objects that are encrypted with keys of the key management (SSE-KMS, DSSE)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3

import pytest
from kms_clients import ACCOUNT, OTHER_ACCOUNT, arn_of, client_of, code_of
from kms_clients import root as root  # fixtures
from kms_clients import server as server
from kms_clients import whole_server as whole_server

from s3portal.server.upkeep.checking import check_folder

BUCKET = "test-bucket"
MIB = 1024**2
CONTENT = os.urandom(200_000)
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}


@pytest.fixture
def s3(server):
    return client_of(server, "admin", "s3")


@pytest.fixture
def kms(server):
    return client_of(server, "admin")


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


def by(key, method="aws:kms", **more):
    return {"ServerSideEncryption": method, "SSEKMSKeyId": key, **more}


def get(s3, name="a", **given):
    return s3.get_object(Bucket=BUCKET, Key=name, **given)["Body"].read()


@pytest.mark.parametrize("method", ["aws:kms", "aws:kms:dsse"])
def test_an_object_is_encrypted_with_the_key_that_is_named(s3, key, root, method):
    put = s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **by(key, method))
    head = s3.head_object(Bucket=BUCKET, Key="a")
    for answer in (put, head, s3.get_object(Bucket=BUCKET, Key="a")):
        assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == (method, key)
        assert answer["ETag"] == put["ETag"] != f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert get(s3) == CONTENT
    for first, last in ((0, 0), (65_000, 66_000), (199_990, 199_999), (65_503, 131_008)):
        assert get(s3, Range=f"bytes={first}-{last}") == CONTENT[first : last + 1]
    assert check_folder(root, deep=True).findings == []
    s3.put_object(Bucket=BUCKET, Key="small", Body=b"small", **by(key, method))
    assert get(s3, "small") == b"small"


def test_without_a_name_it_is_the_accounts_own_key(s3, kms):
    first = s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
    second = s3.put_object(Bucket=BUCKET, Key="b", Body=b"x", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
    assert first == second == kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    assert kms.describe_key(KeyId=first)["KeyMetadata"]["KeyManager"] == "AWS"
    assert get(s3) == b"x"
    for call in (kms.disable_key, kms.schedule_key_deletion):
        assert code_of(call, KeyId=first)[1] == "AccessDeniedException"


def test_the_accounts_own_key_is_for_whoever_may_use_the_bucket(server):
    writer = client_of(server, "writer", "s3")
    writer.put_object(Bucket=BUCKET, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    assert get(writer) == b"x"


def test_parts_are_encrypted_with_the_key_that_the_upload_was_begun_with(s3, key, kms):
    pieces = [os.urandom(5 * MIB), os.urandom(1000)]
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key="a", **by(key))
    assert begun["SSEKMSKeyId"] == key
    this = {"Bucket": BUCKET, "Key": "a", "UploadId": begun["UploadId"]}
    parts = []
    for number, piece in enumerate(pieces, 1):
        answer = s3.upload_part(**this, PartNumber=number, Body=piece)
        assert answer["SSEKMSKeyId"] == key
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        kms.rotate_key_on_demand(KeyId=key)
    done = s3.complete_multipart_upload(**this, MultipartUpload={"Parts": parts})
    assert done["SSEKMSKeyId"] == key
    assert get(s3) == b"".join(pieces)
    kms.disable_key(KeyId=key)
    assert code_of(s3.upload_part, **this | {"PartNumber": 1, "Body": b"x"})[1] == "NoSuchUpload"


def test_the_default_of_a_bucket_names_the_key(s3, key, kms):
    kms.create_alias(AliasName="alias/default", TargetKeyId=key)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/default"}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    shown = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert {name: shown[name] for name in rule} == rule

    put = s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (
        "aws:kms",
        key,
        True,
    )
    plain = s3.put_object(Bucket=BUCKET, Key="b", Body=b"x", ServerSideEncryption="AES256")
    assert plain["ServerSideEncryption"] == "AES256" and "SSEKMSKeyId" not in plain
    own = s3.put_object(Bucket=BUCKET, Key="c", Body=b"x", **SSE_C)
    assert "ServerSideEncryption" not in own
    assert get(s3) == get(s3, "b") == get(s3, "c", **SSE_C) == b"x"


def test_objects_of_a_rotated_key_stay_with_the_old_material(s3, kms, key, root):
    """The seed's notes: "existing objects remain encrypted with the old material"."""
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **by(key))
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        before = database.execute("SELECT wrapped_key FROM parts").fetchall()
    kms.rotate_key_on_demand(KeyId=key)
    s3.put_object(Bucket=BUCKET, Key="b", Body=CONTENT, **by(key))
    assert get(s3) == get(s3, "b") == CONTENT
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        assert before[0] in database.execute("SELECT wrapped_key FROM parts").fetchall()


def test_objects_of_a_disabled_key_cannot_be_read_until_it_is_enabled(s3, kms, key):
    """The seed's notes: "cannot be decrypted until the key is re-enabled"."""
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **by(key))
    kms.disable_key(KeyId=key)
    copy = {"Bucket": BUCKET, "Key": "b", "CopySource": f"{BUCKET}/a"}
    assert code_of(s3.get_object, Bucket=BUCKET, Key="a") == (400, "KMS.DisabledException")
    assert code_of(s3.copy_object, **copy) == (400, "KMS.DisabledException")
    assert code_of(s3.put_object, Bucket=BUCKET, Key="c", Body=b"x", **by(key)) == (
        400,
        "KMS.DisabledException",
    )
    assert s3.head_object(Bucket=BUCKET, Key="a")["ContentLength"] == len(CONTENT)
    kms.enable_key(KeyId=key)
    assert get(s3) == CONTENT


def test_objects_of_a_deleted_key_can_never_be_read_again(s3, kms, key, root):
    """The seed's notes: "Once a key is deleted (after the waiting period) ... permanently inaccessible"."""
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **by(key))
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert code_of(s3.get_object, Bucket=BUCKET, Key="a") == (400, "KMS.KMSInvalidStateException")
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        database.execute("UPDATE kms_keys SET deletion_at = 1")
    assert code_of(s3.get_object, Bucket=BUCKET, Key="a") == (400, "KMS.NotFoundException")
    # It is still there, is whole as far as anyone can tell, and can be deleted.
    assert check_folder(root, deep=True).findings == []
    s3.delete_object(Bucket=BUCKET, Key="a")


def test_a_caller_needs_the_key_besides_the_bucket(server, s3, kms, key):
    writer = client_of(server, "writer", "s3")
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", **by(key))
    this = {"Bucket": BUCKET, "Key": "a"}
    assert code_of(writer.get_object, **this) == (403, "AccessDenied")
    assert code_of(writer.put_object, **this, Body=b"x", **by(key)) == (403, "AccessDenied")
    assert code_of(writer.copy_object, Bucket=BUCKET, Key="b", CopySource=f"{BUCKET}/a") == (
        403,
        "AccessDenied",
    )
    assert writer.head_object(**this)

    def give(*actions):
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": arn_of("writer")},
                "Action": [f"kms:{action}" for action in actions],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
                    "StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}/*"},
                },
            },
        ]
        kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))

    give("GenerateDataKey")
    writer.put_object(**this, Body=b"y", **by(key))
    assert code_of(writer.get_object, **this) == (403, "AccessDenied")
    give("GenerateDataKey", "Decrypt")
    assert get(writer) == b"y"
    # Through S3 only.
    direct = client_of(server, "writer")
    assert code_of(direct.generate_data_key, KeyId=key, KeySpec="AES_256")[1] == "AccessDeniedException"


def test_another_account_needs_both_its_own_policy_and_the_keys(server, s3, kms, key):
    stranger = client_of(server, "stranger", "s3")
    stranger.create_bucket(Bucket="theirs")
    assert code_of(stranger.put_object, Bucket="theirs", Key="a", Body=b"x", **by(key)) == (
        403,
        "AccessDenied",
    )
    assert code_of(stranger.put_object, Bucket="theirs", Key="a", Body=b"x", **by(key.rpartition("/")[2]))[
        1
    ] == ("KMS.NotFoundException")
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in (ACCOUNT, OTHER_ACCOUNT)]},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    stranger.put_object(Bucket="theirs", Key="a", Body=b"x", **by(key))
    assert stranger.get_object(Bucket="theirs", Key="a")["Body"].read() == b"x"


def test_nobody_known_cannot_use_keys(server, s3, key):
    import urllib.error
    import urllib.request

    s3.put_public_access_block(
        Bucket=BUCKET,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
        ),
    )
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    s3.put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", **by(key))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.endpoint}/{BUCKET}/a")
    assert refused.value.code == 400 and b"require AWS Signature Version 4" in refused.value.read()


def test_copies_take_the_key_that_is_asked_for(s3, kms, key, root):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **by(key))
    copy = {"Bucket": BUCKET, "CopySource": f"{BUCKET}/a"}
    s3.copy_object(**copy, Key="same", **by(key))
    s3.copy_object(**copy, Key="other", **by(other))
    s3.copy_object(**copy, Key="plain")
    s3.copy_object(**copy, Key="theirs", **SSE_C)
    assert sum(path.is_file() for path in (root / "blobs").rglob("*")) == 4
    kms.disable_key(KeyId=key)
    assert get(s3, "other") == get(s3, "plain") == get(s3, "theirs", **SSE_C) == CONTENT
    assert code_of(s3.get_object, Bucket=BUCKET, Key="same")[1] == "KMS.DisabledException"


def test_a_context_is_kept_and_shown_to_who_writes(s3, key):
    context = base64.b64encode(json.dumps({"team": "blue"}).encode()).decode()
    put = s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", **by(key), SSEKMSEncryptionContext=context)
    assert put["SSEKMSEncryptionContext"] == context
    assert get(s3) == b"x"
    for wrong in ("{", base64.b64encode(b"[]").decode(), base64.b64encode(b'{"a": 1}').decode()):
        given = {"Bucket": BUCKET, "Key": "b", "Body": b"x", "SSEKMSEncryptionContext": wrong}
        assert code_of(s3.put_object, **given, **by(key)) == (400, "InvalidArgument")


def test_a_renamed_object_is_still_opened(s3, key):
    s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, **by(key))
    s3.rename_object(Bucket=BUCKET, Key="b", RenameSource="a")
    assert get(s3, "b") == CONTENT


@pytest.mark.parametrize(
    "name", ["alias/none", "12345678-1234-1234-1234-123456789012", "arn:aws:kms:us-east-1:1:key/x"]
)
def test_keys_that_do_not_exist_are_refused(s3, name):
    status, code = code_of(s3.put_object, Bucket=BUCKET, Key="a", Body=b"x", **by(name))
    assert status == 400 and code in ("KMS.NotFoundException", "KMS.InvalidArnException")


def test_a_bucket_policy_demands_a_key(s3, key):
    denial = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key}},
    }
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [denial]}))
    assert code_of(s3.put_object, Bucket=BUCKET, Key="a", Body=b"x")[0] == 403
    assert s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", **by(key))
