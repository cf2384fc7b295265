"""What policies can ask of a write: whether it makes an object, and under which condition.

As https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html has it.
"""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from s3_callers import BUCKET, code_of, send, session_client
from test_posting import BOUNDARY, form_for, parts_of
from test_sts import assume

from s3portal.server.api.operations import OPERATIONS
from s3portal.server.authority.policy import PolicyError, read_policy

EVERYTHING = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
CREATES = "s3:ObjectCreationOperation"


def limited(server, *statements):
    """A client whose session policy is these statements."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
    return session_client(server, assume(server, Policy=document)["Credentials"])


def writes(client, s3, key):
    """Every way to write at a key, by its name: each is a call that raises when it is refused.

    Uploads are begun and completed by ``s3``, who may do everything, where another call is looked at.
    """
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"x")

    def upload_id():
        return s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]

    def complete():
        given = upload_id()
        part = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=given, PartNumber=1, Body=b"x")
        client.complete_multipart_upload(
            Bucket=BUCKET,
            Key=key,
            UploadId=given,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )

    part = {"Bucket": BUCKET, "Key": key, "PartNumber": 1}
    return {
        "PutObject": lambda: client.put_object(Bucket=BUCKET, Key=key, Body=b"x"),
        "CopyObject": lambda: client.copy_object(Bucket=BUCKET, Key=key, CopySource=f"{BUCKET}/source"),
        "CompleteMultipartUpload": complete,
        "CreateMultipartUpload": lambda: client.create_multipart_upload(Bucket=BUCKET, Key=key),
        "UploadPart": lambda: client.upload_part(**part, UploadId=upload_id(), Body=b"x"),
        "UploadPartCopy": lambda: client.upload_part_copy(
            **part, UploadId=upload_id(), CopySource=f"{BUCKET}/source"
        ),
    }


CREATING = {"PutObject", "CopyObject", "CompleteMultipartUpload"}


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("written", [str, bool, lambda value: [str(value).lower()]])
def test_the_creation_of_an_object_is_told_from_the_sending_of_parts(s3_server, s3, allowed, written):
    put = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": {"Bool": {CREATES: written(allowed)}},
    }
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    calls = writes(limited(s3_server, put, read), s3, "k")
    refused = {name for name, call in calls.items() if not succeeds(call)}
    assert refused == (set(calls) - CREATING if allowed else CREATING)


def succeeds(call):
    try:
        call()
    except ClientError as refused:
        assert refused.response["Error"]["Code"] == "AccessDenied"
        return False
    return True


def test_a_posted_form_creates_an_object_whatever_its_fields_say(s3_server):
    parts_only = limited(s3_server, EVERYTHING | {"Condition": {"BoolIfExists": {CREATES: "false"}}})
    conditional = limited(s3_server, EVERYTHING, deny_unless_new())
    for client, fields in ((parts_only, {}), (conditional, {"if-none-match": "*"})):
        fields = form_for(client, "k", [{name: value} for name, value in fields.items()], **fields)
        content_type = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        status, _, answer = send(s3_server, "POST", f"/{BUCKET}", content_type, parts_of(fields, b"x"))
        assert (status, b"AccessDenied" in answer) == (403, True)


def test_a_form_or_an_upload_that_copies_nothing_has_no_source(s3_server, s3):
    """Whoever may only copy what is published cannot name it and send something else."""
    source = f"{BUCKET}/source"
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"x")
    named = {
        "StringEquals": {"s3:x-amz-copy-source": source, "s3:x-amz-metadata-directive": "COPY"},
    }
    put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", "Condition": named}
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    client = limited(s3_server, put, read)
    told = {"x-amz-copy-source": source, "x-amz-metadata-directive": "COPY"}
    fields = form_for(client, "k", [{name: value} for name, value in told.items()], **told)
    content_type = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    status, _, _ = send(s3_server, "POST", f"/{BUCKET}", content_type, parts_of(fields, b"forged"))
    assert status == 403
    assert code_of(client.put_object, Bucket=BUCKET, Key="k", Body=b"forged") == "AccessDenied"
    client.copy_object(Bucket=BUCKET, Key="k", CopySource=source, MetadataDirective="COPY")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"


DESCRIBED = [
    ("s3:x-amz-acl", "bucket-owner-full-control", {"ACL": "bucket-owner-full-control"}),
    ("s3:x-amz-server-side-encryption", "AES256", {"ServerSideEncryption": "AES256"}),
    ("s3:x-amz-storage-class", "STANDARD", {"StorageClass": "STANDARD"}),
    ("s3:RequestObjectTag/project", "rivers", {"Tagging": "project=rivers"}),
]


@pytest.mark.parametrize(("key", "value", "said"), DESCRIBED)
def test_parts_and_completion_are_described_by_what_the_upload_was_begun_with(
    s3_server, s3, key, value, said
):
    """Clients say it once: aws s3 cp --acl, --sse, --storage-class."""
    denied = EVERYTHING | {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Condition": {"StringNotEquals": {key: value}},
    }
    client = limited(s3_server, EVERYTHING, denied)
    target = {"Bucket": BUCKET, "Key": "k"}
    assert code_of(client.create_multipart_upload, **target) == "AccessDenied"
    upload = target | {"UploadId": client.create_multipart_upload(**target, **said)["UploadId"]}
    etag = client.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    client.complete_multipart_upload(**upload, MultipartUpload=parts)
    headers = s3.get_object(**target)["ResponseMetadata"]["HTTPHeaders"]
    assert not [name for name in headers if "begun" in name]


def test_a_part_does_not_say_what_its_upload_was_not_begun_with(s3_server, s3):
    wanted = {"StringEquals": {"s3:x-amz-storage-class": "STANDARD"}}
    allowed = EVERYTHING | {"Action": "s3:PutObject", "Condition": wanted}
    client = limited(s3_server, allowed)
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]

    def add_header(request, **_):
        request.headers["x-amz-storage-class"] = "STANDARD"

    client.meta.events.register("before-sign.s3.UploadPart", add_header)
    target = {"Bucket": BUCKET, "Key": "k", "UploadId": upload_id}
    assert code_of(client.upload_part, **target, PartNumber=1, Body=b"x") == "AccessDenied"


def deny_unless_new():
    return {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {CREATES: "true"}},
    }


def test_a_policy_demands_that_nothing_is_overwritten(s3_server, s3):
    client = limited(s3_server, EVERYTHING, deny_unless_new())
    calls = writes(client, s3, "other")
    assert {name for name, call in calls.items() if not succeeds(call)} == CREATING
    client.put_object(Bucket=BUCKET, Key="k", Body=b"x", IfNoneMatch="*")
    assert code_of(client.put_object, Bucket=BUCKET, Key="k", Body=b"y") == "AccessDenied"
    assert (
        code_of(client.put_object, Bucket=BUCKET, Key="k", Body=b"y", IfNoneMatch="*") == "PreconditionFailed"
    )
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"


def test_a_policy_names_the_version_that_may_be_replaced_or_deleted(s3_server, s3):
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")["ETag"]
    client = limited(
        s3_server,
        EVERYTHING,
        {
            "Effect": "Deny",
            "Action": ["s3:PutObject", "s3:DeleteObject"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"s3:if-match": etag}},
        },
    )
    for call in (client.put_object, client.delete_object):
        assert code_of(call, Bucket=BUCKET, Key="k") == "AccessDenied"
        assert code_of(call, Bucket=BUCKET, Key="k", IfMatch='"0"') == "AccessDenied"
    answer = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "k"}]})
    assert answer["Errors"][0]["Code"] == "AccessDenied"
    client.put_object(Bucket=BUCKET, Key="k", Body=b"x", IfMatch=etag)
    client.delete_object(Bucket=BUCKET, Key="k", IfMatch=etag)


def test_reading_under_a_condition_is_no_condition_of_a_write(s3_server, s3):
    """If-None-Match on GET is for caches; the key belongs to writes."""
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    client = limited(s3_server, EVERYTHING | {"Condition": {"Null": {"s3:if-none-match": "true"}}})
    assert client.get_object(Bucket=BUCKET, Key="k", IfNoneMatch='"0"')["Body"].read() == b"x"


def test_every_operation_that_writes_says_whether_it_creates_an_object():
    assert {o.name: o.creates_object for o in OPERATIONS if o.creates_object is not None} == {
        **dict.fromkeys([*CREATING, "PostObject", "RenameObject"], True),
        **dict.fromkeys(["CreateMultipartUpload", "UploadPart", "UploadPartCopy"], False),
    }
    assert all((o.action == "s3:PutObject") == (o.creates_object is not None) for o in OPERATIONS)


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"Bool": {CREATES: "true"}}, "true", True),
        ({"Bool": {CREATES: "TRUE"}}, "true", True),
        ({"Bool": {CREATES: "true"}}, "false", False),
        ({"Bool": {CREATES: ["true", "false"]}}, "false", True),
        ({"Bool": {CREATES: False}}, None, False),
        ({"BoolIfExists": {CREATES: False}}, None, True),
        ({"BoolIfExists": {CREATES: False}}, "true", False),
        ({"Null": {CREATES: "true"}}, None, True),
        ({"Null": {CREATES: "true"}}, "false", False),
        ({"Null": {CREATES: "false"}}, None, False),
        ({"Null": {CREATES: False}}, "false", True),
        ({"Null": {CREATES: ["true", "false"]}}, None, True),
        ({"StringEquals": {CREATES: "true"}}, "true", True),
        ({"StringEqualsIgnoreCase": {CREATES: "TRUE"}}, "true", True),
        ({"StringNotEqualsIgnoreCase": {CREATES: "TRUE"}}, "true", False),
        ({"StringNotEqualsIgnoreCase": {CREATES: "TRUE"}}, None, True),
        ({"StringEqualsIfExists": {CREATES: "true"}}, None, True),
        ({"StringLikeIfExists": {CREATES: "t*"}}, "false", False),
        ({"StringNotLikeIfExists": {CREATES: "t*"}}, None, True),
        ({"Bool": {CREATES: "true"}, "Null": {"s3:if-match": "true"}}, "true", True),
        ({"Bool": {CREATES: "true"}, "Null": {"s3:if-match": "false"}}, "true", False),
        ({"Bool": {CREATES.upper(): "true"}}, "true", True),
    ],
)
def test_operators_hold_as_in_iam(condition, value, holds):
    policy = read_policy(json.dumps({"Statement": [EVERYTHING | {"Condition": condition}]}))
    context = {} if value is None else {CREATES.lower(): value}
    assert policy.allows("s3:PutObject", "arn:aws:s3:::b/k", context) is holds


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {CREATES: "yes"}},
        {"Bool": {CREATES: []}},
        {"Bool": {CREATES: None}},
        {"Null": {CREATES: 1}},
        {"NullIfExists": {CREATES: True}},
        {"Bool": CREATES},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"ForSomeValue:StringEquals": {CREATES: "true"}},
        {"NumericEquals": {CREATES: "true"}},
    ],
)
def test_what_is_no_condition_is_refused(condition):
    with pytest.raises(PolicyError):
        read_policy(json.dumps({"Statement": [EVERYTHING | {"Condition": condition}]}))


def test_a_condition_that_would_take_the_place_of_another_is_refused():
    statement = (
        '{"Effect":"Allow","Action":"s3:*","Resource":"*",'
        '"Condition":{"Bool":{"s3:ObjectCreationOperation":"false"},"Bool":{}}}'
    )
    with pytest.raises(PolicyError, match="'Bool' twice"):
        read_policy('{"Statement":[' + statement + "]}")
