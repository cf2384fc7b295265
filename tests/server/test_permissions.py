"""AWS's permissions table: what each operation needs, no less and no more.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from s3_callers import BUCKET, client_of, session_client
from test_sts import assume

from s3portal.server.api.operations import OPERATIONS
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

KEY = {"Bucket": BUCKET, "Key": "k"}
VERSION = KEY | {"VersionId": "null"}
PART = KEY | {"PartNumber": 1, "UploadId": "0"}
COPY = {"CopySource": {"Bucket": BUCKET, "Key": "source"}}
OF_VERSION = {"CopySource": {"Bucket": BUCKET, "Key": "source", "VersionId": "null"}}
NEW = {"Bucket": "a-new-bucket"}
TAGS = {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}
LOCK = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2040-01-01"}
HERE = {"Bucket": BUCKET}
# Operation, arguments, and the actions that it needs. Many of these calls have nothing to work on: what
# counts is whether they are refused for want of a permission.
# fmt: off
TABLE = [
    ("ListBuckets", {}, "ListAllMyBuckets"),
    ("CreateBucket", NEW, "CreateBucket"),
    ("CreateBucket", NEW | {"ACL": "public-read"}, "CreateBucket PutBucketAcl"),
    ("CreateBucket", NEW | {"ObjectLockEnabledForBucket": True},
     "CreateBucket PutBucketObjectLockConfiguration PutBucketVersioning"),
    ("CreateBucket", NEW | {"ObjectOwnership": "ObjectWriter"}, "CreateBucket PutBucketOwnershipControls"),
    ("HeadBucket", HERE, "ListBucket"),
    ("DeleteBucket", HERE, "DeleteBucket"),
    ("GetBucketLocation", HERE, "GetBucketLocation"),
    ("ListObjects", HERE, "ListBucket"),
    ("ListObjectsV2", HERE, "ListBucket"),
    ("ListObjectVersions", HERE, "ListBucketVersions"),
    ("ListMultipartUploads", HERE, "ListBucketMultipartUploads"),
    ("GetBucketVersioning", HERE, "GetBucketVersioning"),
    ("PutBucketVersioning", HERE | {"VersioningConfiguration": {}}, "PutBucketVersioning"),
    ("GetBucketCors", HERE, "GetBucketCORS"),
    ("PutBucketCors", HERE | {"CORSConfiguration": {"CORSRules": []}}, "PutBucketCORS"),
    ("DeleteBucketCors", HERE, "PutBucketCORS"),
    ("GetBucketPolicy", HERE, "GetBucketPolicy"),
    ("PutBucketPolicy", HERE | {"Policy": "{}"}, "PutBucketPolicy"),
    ("DeleteBucketPolicy", HERE, "DeleteBucketPolicy"),
    ("GetBucketPolicyStatus", HERE, "GetBucketPolicyStatus"),
    ("GetPublicAccessBlock", HERE, "GetBucketPublicAccessBlock"),
    ("PutPublicAccessBlock", HERE | {"PublicAccessBlockConfiguration": {}}, "PutBucketPublicAccessBlock"),
    ("DeletePublicAccessBlock", HERE, "PutBucketPublicAccessBlock"),
    ("GetBucketOwnershipControls", HERE, "GetBucketOwnershipControls"),
    ("PutBucketOwnershipControls", HERE | {"OwnershipControls": {"Rules": []}}, "PutBucketOwnershipControls"),
    ("DeleteBucketOwnershipControls", HERE, "PutBucketOwnershipControls"),
    ("GetBucketEncryption", HERE, "GetEncryptionConfiguration"),
    ("PutBucketEncryption", HERE | {"ServerSideEncryptionConfiguration": {"Rules": []}},
     "PutEncryptionConfiguration"),
    ("DeleteBucketEncryption", HERE, "PutEncryptionConfiguration"),
    ("GetBucketTagging", HERE, "GetBucketTagging"),
    ("PutBucketTagging", HERE | TAGS, "PutBucketTagging"),
    ("DeleteBucketTagging", HERE, "PutBucketTagging"),
    ("GetBucketLifecycleConfiguration", HERE, "GetLifecycleConfiguration"),
    ("PutBucketLifecycleConfiguration", HERE | {"LifecycleConfiguration": {"Rules": []}},
     "PutLifecycleConfiguration"),
    ("DeleteBucketLifecycle", HERE, "PutLifecycleConfiguration"),
    ("GetBucketAcl", HERE, "GetBucketAcl"),
    ("PutBucketAcl", HERE | {"ACL": "private"}, "PutBucketAcl"),
    ("GetObjectLockConfiguration", HERE, "GetBucketObjectLockConfiguration"),
    ("PutObjectLockConfiguration", HERE | {"ObjectLockConfiguration": {}},
     "PutBucketObjectLockConfiguration"),
    ("GetBucketNotificationConfiguration", HERE, "GetBucketNotification"),
    ("PutBucketNotificationConfiguration", HERE | {"NotificationConfiguration": {}}, "PutBucketNotification"),
    ("GetBucketWebsite", HERE, "GetBucketWebsite"),
    ("PutBucketWebsite", HERE | {"WebsiteConfiguration": {}}, "PutBucketWebsite"),
    ("DeleteBucketWebsite", HERE, "DeleteBucketWebsite"),
    ("GetBucketLogging", HERE, "GetBucketLogging"),
    ("PutBucketLogging", HERE | {"BucketLoggingStatus": {}}, "PutBucketLogging"),
    ("GetBucketAccelerateConfiguration", HERE, "GetAccelerateConfiguration"),
    ("GetBucketRequestPayment", HERE, "GetBucketRequestPayment"),
    ("PutBucketRequestPayment", HERE | {"RequestPaymentConfiguration": {"Payer": "BucketOwner"}},
     "PutBucketRequestPayment"),
    ("GetBucketReplication", HERE, "GetReplicationConfiguration"),
    ("PutObject", KEY, "PutObject"),
    ("PutObject", KEY | {"Tagging": "a=b"}, "PutObject PutObjectTagging"),
    ("PutObject", KEY | {"ACL": "public-read"}, "PutObject PutObjectAcl"),
    ("PutObject", KEY | {"GrantRead": "id=0"}, "PutObject PutObjectAcl"),
    ("PutObject", KEY | LOCK, "PutObject PutObjectRetention"),
    ("PutObject", KEY | {"ObjectLockLegalHoldStatus": "ON"}, "PutObject PutObjectLegalHold"),
    ("GetObject", KEY, "GetObject"),
    ("GetObject", VERSION, "GetObjectVersion"),
    ("HeadObject", KEY, "GetObject"),
    ("HeadObject", VERSION, "GetObjectVersion"),
    ("DeleteObject", KEY, "DeleteObject"),
    ("DeleteObject", VERSION, "DeleteObjectVersion"),
    ("DeleteObjects", HERE | {"Delete": {"Objects": [{"Key": "k"}]}}, "DeleteObject"),
    ("DeleteObjects", HERE | {"Delete": {"Objects": [{"Key": "k", "VersionId": "null"}]}},
     "DeleteObjectVersion"),
    ("CopyObject", KEY | COPY, "GetObject PutObject"),
    ("CopyObject", KEY | OF_VERSION, "GetObjectVersion PutObject"),
    ("CopyObject", KEY | COPY | {"TaggingDirective": "REPLACE", "Tagging": "a=b"},
     "GetObject PutObject PutObjectTagging"),
    ("CopyObject", KEY | COPY | {"ACL": "public-read"}, "GetObject PutObject PutObjectAcl"),
    ("GetObjectAttributes", KEY | {"ObjectAttributes": ["ETag"]}, "GetObject GetObjectAttributes"),
    ("GetObjectAttributes", VERSION | {"ObjectAttributes": ["ETag"]},
     "GetObjectVersion GetObjectVersionAttributes"),
    ("GetObjectTagging", KEY, "GetObjectTagging"),
    ("GetObjectTagging", VERSION, "GetObjectVersionTagging"),
    ("PutObjectTagging", KEY | TAGS, "PutObjectTagging"),
    ("PutObjectTagging", VERSION | TAGS, "PutObjectVersionTagging"),
    ("DeleteObjectTagging", KEY, "DeleteObjectTagging"),
    ("DeleteObjectTagging", VERSION, "DeleteObjectVersionTagging"),
    ("GetObjectAcl", KEY, "GetObjectAcl"),
    ("GetObjectAcl", VERSION, "GetObjectVersionAcl"),
    ("PutObjectAcl", KEY | {"ACL": "private"}, "PutObjectAcl"),
    ("PutObjectAcl", VERSION | {"ACL": "private"}, "PutObjectVersionAcl"),
    ("GetObjectRetention", KEY, "GetObjectRetention"),
    ("PutObjectRetention", KEY | {"Retention": {}}, "PutObjectRetention"),
    ("GetObjectLegalHold", KEY, "GetObjectLegalHold"),
    ("PutObjectLegalHold", KEY | {"LegalHold": {"Status": "ON"}}, "PutObjectLegalHold"),
    ("CreateMultipartUpload", KEY, "PutObject"),
    ("CreateMultipartUpload", KEY | {"Tagging": "a=b"}, "PutObject PutObjectTagging"),
    ("UploadPart", PART, "PutObject"),
    ("UploadPartCopy", PART | COPY, "GetObject PutObject"),
    ("CompleteMultipartUpload", KEY | {"UploadId": "0", "MultipartUpload": {"Parts": []}}, "PutObject"),
    ("AbortMultipartUpload", KEY | {"UploadId": "0"}, "AbortMultipartUpload"),
    ("ListParts", KEY | {"UploadId": "0"}, "ListMultipartUploadParts"),
]
# fmt: on
OFFERED = {operation.name for operation in OPERATIONS}
ROWS = [row for row in TABLE if row[0] in OFFERED]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = server_config()
    config["roles"][0]["policy"]["Statement"][0]["Resource"] = "*"
    with RunningServer(tmp_path_factory.mktemp("permissions") / "s3", config) as running:
        yield running


@pytest.fixture
def objects(server):
    s3 = client_of(server, "admin")
    for key in ("k", "source"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    return s3.create_multipart_upload(**KEY)["UploadId"]


def outcome(server, operation, arguments, actions):
    """What a caller with these actions alone is answered: '' when it went well."""
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
    client = session_client(server, assume(server, Policy=policy)["Credentials"])
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    try:
        answer = getattr(client, method.replace("v2", "_v2").replace("__", "_"))(**arguments)
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        # HEAD has no body to say it in.
        return "AccessDenied" if code == "403" else code
    return answer["Errors"][0]["Code"] if answer.get("Errors") else ""


@pytest.mark.parametrize(("operation", "arguments", "needed"), ROWS, ids=[f"{r[0]}: {r[2]}" for r in ROWS])
def test_an_operation_needs_its_actions_and_no_others(server, objects, operation, arguments, needed):
    if operation == "UploadPartCopy":
        # The upload is looked for before its source.
        arguments = arguments | {"UploadId": objects}
    actions = {f"s3:{name}" for name in needed.split()}
    assert outcome(server, operation, arguments, actions) != "AccessDenied"
    for missing in actions:
        rest = actions - {missing} or {"s3:GetBucketMetadataTableConfiguration"}
        assert outcome(server, operation, arguments, rest) == "AccessDenied", missing


def test_every_operation_has_its_row():
    # A form, a rename and what is not S3's have no method in boto3: tests of their own send them.
    assert OFFERED - {row[0] for row in TABLE} <= {
        "PostObject",
        "RenameObject",
        "DeleteBucketReplication",
        "PutBucketReplication",
        *("GetBucketQuota", "PutBucketQuota", "DeleteBucketQuota", "GetUserQuota", "PutUserQuota"),
        "GetAuditLog",
    } | {name for name in OFFERED if name.endswith(("Configuration", "Configurations"))}
