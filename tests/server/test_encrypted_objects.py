"""Objects that are stored encrypted: with the server's key (SSE-S3) and with the caller's (SSE-C)."""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
from functools import partial

import pytest
from botocore.exceptions import ClientError

from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
MIB = 1024**2
KEY = "k" * 32
OTHER_KEY = "o" * 32
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
FROM_SSE_C = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": KEY}
SSE_S3 = {"ServerSideEncryption": "AES256"}
#: One segment and less, several, and sizes around their borders.
SIZES = (0, 1, 100, 16 * 1024 - 17, 16 * 1024, 65519, 65520, 65521, 131040, 4 * 65520, 4 * 65520 + 1, 300_000)


def code_of(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def stored_bytes(server_root):
    """All that is stored of contents: the files, and the small ones in the database."""
    files = [path.read_bytes() for path in (server_root / "blobs").rglob("*") if path.is_file()]
    with sqlite3.connect(server_root / "metadata.sqlite3") as database:
        return files + [content for (content,) in database.execute("SELECT content FROM contents")]


def text_of(size):
    return (b"The quick brown fox. " * (size // 21 + 1))[:size]


@pytest.fixture
def root(tmp_path, s3_server):
    return tmp_path / "s3"


@pytest.mark.parametrize("given", [SSE_S3, SSE_C], ids=["SSE-S3", "SSE-C"])
def test_what_is_stored_is_read_again_and_is_not_on_the_disk(s3, root, given):
    reading = SSE_C if given is SSE_C else {}
    for size in SIZES:
        content = text_of(size)
        put = s3.put_object(Bucket=BUCKET, Key="a", Body=content, **given)
        got = s3.get_object(Bucket=BUCKET, Key="a", **reading)
        assert got["Body"].read() == content
        assert got["ContentLength"] == size
        assert got["ETag"] == put["ETag"]
        md5 = f'"{hashlib.md5(content).hexdigest()}"'
        assert (put["ETag"] == md5) == (given is SSE_S3)
        assert s3.list_objects_v2(Bucket=BUCKET)["Contents"][0]["Size"] == size
        assert (
            put["ChecksumCRC32"]
            == s3.get_object(Bucket=BUCKET, Key="a", ChecksumMode="ENABLED", **reading)["ChecksumCRC32"]
        )
        assert not any(b"quick brown" in stored for stored in stored_bytes(root))
    s3.put_object(Bucket=BUCKET, Key="plain", Body=text_of(300_000))
    assert any(b"quick brown" in stored for stored in stored_bytes(root))


@pytest.mark.parametrize("given", [SSE_S3, SSE_C], ids=["SSE-S3", "SSE-C"])
def test_every_range_is_read_by_itself(s3, given):
    content, reading = os.urandom(300_000), SSE_C if given is SSE_C else {}
    s3.put_object(Bucket=BUCKET, Key="a", Body=content, **given)
    borders = [0, 1, 65519, 65520, 65521, 131039, 131040, 200_000, 299_998, 299_999]
    for first in borders:
        for last in (last for last in borders if last >= first):
            got = s3.get_object(Bucket=BUCKET, Key="a", Range=f"bytes={first}-{last}", **reading)
            assert got["Body"].read() == content[first : last + 1]
            assert got["ContentRange"] == f"bytes {first}-{last}/300000"
    assert s3.get_object(Bucket=BUCKET, Key="a", Range="bytes=-7", **reading)["Body"].read() == content[-7:]


@pytest.mark.parametrize("given", [SSE_S3, SSE_C], ids=["SSE-S3", "SSE-C"])
def test_parts_are_encrypted_each_by_itself(s3, root, given):
    key = SSE_C if given is SSE_C else {}
    pieces = [text_of(5 * MIB), text_of(5 * MIB + 1), text_of(100)]
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="a", **given)["UploadId"]
    this = {"Bucket": BUCKET, "Key": "a", "UploadId": upload_id}
    parts = []
    for number, piece in enumerate(pieces, 1):
        etag = s3.upload_part(**this, PartNumber=number, Body=piece, **key)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    # Sent once more, it is another part with the same bytes.
    parts[0]["ETag"] = s3.upload_part(**this, PartNumber=1, Body=pieces[0], **key)["ETag"]
    assert [part["Size"] for part in s3.list_parts(**this)["Parts"]] == [len(piece) for piece in pieces]
    s3.complete_multipart_upload(**this, MultipartUpload={"Parts": parts})

    assert s3.get_object(Bucket=BUCKET, Key="a", **key)["Body"].read() == b"".join(pieces)
    border = f"bytes={5 * MIB - 10}-{5 * MIB + 9}"
    got = s3.get_object(Bucket=BUCKET, Key="a", Range=border, **key)["Body"].read()
    assert got == b"".join(pieces)[5 * MIB - 10 : 5 * MIB + 10]
    second = s3.get_object(Bucket=BUCKET, Key="a", PartNumber=2, **key)
    assert second["Body"].read() == pieces[1] and second["PartsCount"] == 3
    assert not any(b"quick brown" in stored for stored in stored_bytes(root))


def test_the_default_of_a_bucket_encrypts_new_objects_only(s3, root):
    """The seed: "Existing objects are NOT encrypted"."""
    s3.put_object(Bucket=BUCKET, Key="before", Body=text_of(20_000))
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=BUCKET, Key="after", Body=text_of(20_001))

    assert "ServerSideEncryption" not in s3.head_object(Bucket=BUCKET, Key="before")
    assert s3.head_object(Bucket=BUCKET, Key="after")["ServerSideEncryption"] == "AES256"
    readable = [len(stored) for stored in stored_bytes(root) if b"quick brown" in stored]
    assert readable == [20_000]


SOURCES = {"plain": {}, "SSE-S3": SSE_S3, "SSE-C": SSE_C}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", SOURCES)
def test_copies_are_encrypted_as_they_are_asked_to_be(s3, root, source, target):
    content = text_of(100_000)
    s3.put_object(Bucket=BUCKET, Key="a", Body=content, **SOURCES[source])
    opening = FROM_SSE_C if source == "SSE-C" else {}
    copy = {"Bucket": BUCKET, "CopySource": f"{BUCKET}/a"}

    s3.copy_object(**copy, Key="b", **SOURCES[target], **opening)

    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="c", **SOURCES[target])["UploadId"]
    this = {"Bucket": BUCKET, "Key": "c", "UploadId": upload_id}
    key = SSE_C if target == "SSE-C" else {}
    copied = s3.upload_part_copy(**this, CopySource=f"{BUCKET}/a", PartNumber=1, **key, **opening)[
        "CopyPartResult"
    ]["ETag"]
    s3.complete_multipart_upload(**this, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": copied}]})
    for name in "bc":
        got = s3.get_object(Bucket=BUCKET, Key=name, **key)
        assert got["Body"].read() == content
        assert got.get("ServerSideEncryption") == ("AES256" if target == "SSE-S3" else None)
        assert got.get("SSECustomerAlgorithm") == ("AES256" if target == "SSE-C" else None)
    blobs = sum(path.is_file() for path in (root / "blobs").rglob("*"))
    # The same bytes serve all where they are encrypted in the same way.
    assert blobs == (1 if source == target else 3)
    readable = [stored for stored in stored_bytes(root) if b"quick brown" in stored]
    assert len(readable) == (source == "plain") + 2 * (target == "plain") - 2 * (source == target == "plain")


def test_an_object_is_encrypted_by_a_copy_onto_itself(s3, root):
    s3.put_object(Bucket=BUCKET, Key="a", Body=text_of(100_000), Metadata={"kept": "yes"})
    s3.copy_object(Bucket=BUCKET, Key="a", CopySource=f"{BUCKET}/a", **SSE_S3)
    got = s3.get_object(Bucket=BUCKET, Key="a")
    assert got["Body"].read() == text_of(100_000)
    assert got["Metadata"] == {"kept": "yes"}
    assert not any(b"quick brown" in stored for stored in stored_bytes(root))


def attributes_of(s3, SSECustomerKey=None, **given):
    """boto3 neither encodes the key for this call nor adds its MD5."""
    if SSECustomerKey:
        given["SSECustomerKey"] = base64.b64encode(SSECustomerKey.encode()).decode()
        md5 = hashlib.md5(SSECustomerKey.encode()).digest()
        given["SSECustomerKeyMD5"] = base64.b64encode(md5).decode()
    return s3.get_object_attributes(**given, ObjectAttributes=["ETag", "ObjectSize"])


def test_a_callers_key_is_demanded_and_compared(s3):
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"secret", **SSE_C)
    s3.put_object(Bucket=BUCKET, Key="plain", Body=b"open")
    wrong = SSE_C | {"SSECustomerKey": OTHER_KEY}
    for call in (s3.get_object, s3.head_object, partial(attributes_of, s3)):
        assert code_of(call, Bucket=BUCKET, Key="a")[0] == 400
        assert code_of(call, Bucket=BUCKET, Key="a", **wrong)[0] == 403
        assert code_of(call, Bucket=BUCKET, Key="plain", **SSE_C)[0] == 400
        assert call(Bucket=BUCKET, Key="a", **SSE_C)
    copy = {"Bucket": BUCKET, "Key": "b", "CopySource": f"{BUCKET}/a"}
    assert code_of(s3.copy_object, **copy)[0] == 400
    assert code_of(s3.copy_object, **copy, **FROM_SSE_C | {"CopySourceSSECustomerKey": OTHER_KEY})[0] == 403


def test_the_key_itself_is_kept_nowhere(s3, root, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"secret", **SSE_C)
    s3.create_multipart_upload(Bucket=BUCKET, Key="b", **SSE_C)
    md5 = hashlib.md5(KEY.encode()).digest()
    raw = KEY.encode()
    known = [raw, raw.hex().encode(), base64.b64encode(raw), base64.b64encode(md5), md5.hex().encode()]
    for path in root.rglob("*"):
        if path.is_file():
            assert not any(text in path.read_bytes() for text in known), path


def test_answers_say_which_key_it_was_and_never_the_key(s3):
    md5 = base64.b64encode(hashlib.md5(KEY.encode()).digest()).decode()
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="b", **SSE_C)
    part = {"Bucket": BUCKET, "Key": "b", "UploadId": upload["UploadId"], "PartNumber": 1, "Body": b"x"}
    answers = [
        upload,
        s3.upload_part(**part, **SSE_C),
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"secret", **SSE_C),
        s3.head_object(Bucket=BUCKET, Key="a", **SSE_C),
        s3.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/a", **SSE_C, **FROM_SSE_C),
    ]
    for answer in answers:
        assert (answer["SSECustomerAlgorithm"], answer["SSECustomerKeyMD5"]) == ("AES256", md5)
        assert base64.b64encode(KEY.encode()).decode() not in str(answer["ResponseMetadata"])


def test_parts_need_the_key_that_the_upload_was_begun_with(s3):
    def part_of(key, **given):
        upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **given)["UploadId"]
        return {"Bucket": BUCKET, "Key": key, "UploadId": upload_id, "PartNumber": 1, "Body": b"x"}

    sealed, plain = part_of("a", **SSE_C), part_of("b")
    wrong = SSE_C | {"SSECustomerKey": OTHER_KEY}
    assert code_of(s3.upload_part, **sealed) == (400, "InvalidRequest")
    assert code_of(s3.upload_part, **sealed, **wrong) == (400, "InvalidRequest")
    assert code_of(s3.upload_part, **plain, **SSE_C) == (400, "InvalidRequest")
    part = {"ETag": s3.upload_part(**sealed, **SSE_C)["ETag"], "PartNumber": 1}
    completing = {name: sealed[name] for name in ("Bucket", "Key", "UploadId")}
    completing["MultipartUpload"] = {"Parts": [part]}
    given = {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": base64.b64encode(OTHER_KEY.encode()).decode(),
    }
    given["SSECustomerKeyMD5"] = base64.b64encode(hashlib.md5(OTHER_KEY.encode()).digest()).decode()
    assert code_of(s3.complete_multipart_upload, **completing, **given) == (400, "InvalidRequest")
    assert s3.complete_multipart_upload(**completing)["ETag"].endswith('-1"')


RAW_KEY = KEY.encode()


def customer_headers(key=RAW_KEY, md5=None, algorithm="AES256"):
    return {
        "x-amz-server-side-encryption-customer-algorithm": algorithm,
        "x-amz-server-side-encryption-customer-key": base64.b64encode(key).decode() if key else "",
        "x-amz-server-side-encryption-customer-key-md5": base64.b64encode(
            hashlib.md5(key).digest() if md5 is None else md5
        ).decode(),
    }


def put_with(s3, headers):
    def add(request, **_):
        for name, value in headers.items():
            if value:
                request.headers[name] = value

    s3.meta.events.register("before-sign.s3.PutObject", add)
    try:
        return code_of(s3.put_object, Bucket=BUCKET, Key="a", Body=b"x")
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObject", add)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (customer_headers(algorithm="DES"), "InvalidEncryptionAlgorithmError"),
        (customer_headers(algorithm=""), "InvalidArgument"),
        (customer_headers(md5=b""), "InvalidArgument"),
        (customer_headers(md5=b"0" * 16), "InvalidArgument"),
        (customer_headers(key=b"short"), "InvalidArgument"),
        (customer_headers(key=b""), "InvalidArgument"),
        (customer_headers() | {"x-amz-server-side-encryption": "AES256"}, "InvalidArgument"),
        ({"x-amz-server-side-encryption": "DES"}, "InvalidArgument"),
        ({"x-amz-server-side-encryption-aws-kms-key-id": "k"}, "InvalidArgument"),
        (
            {
                "x-amz-server-side-encryption": "AES256",
                "x-amz-server-side-encryption-aws-kms-key-id": "k",
            },
            "InvalidArgument",
        ),
    ],
)
def test_headers_that_contradict_each_other_are_refused(s3, headers, code):
    assert put_with(s3, headers) == (400, code)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_callers_key_is_not_taken_where_others_may_have_read_it(s3, header):
    """A proxy on this machine may have got it over plain HTTP."""
    refused = put_with(s3, customer_headers() | {header: "203.0.113.9"})
    assert refused == (400, "InvalidRequest")


def test_a_bucket_can_block_callers_keys(s3):
    rule = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    s3.put_object(Bucket=BUCKET, Key="earlier", Body=b"x", **SSE_C)
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    for call, more in (
        (s3.put_object, {"Body": b"x"}),
        (s3.create_multipart_upload, {}),
        (s3.copy_object, {"CopySource": f"{BUCKET}/earlier", **FROM_SSE_C}),
    ):
        assert code_of(call, Bucket=BUCKET, Key="a", **more, **SSE_C) == (403, "AccessDenied")
    assert s3.get_object(Bucket=BUCKET, Key="earlier", **SSE_C)["Body"].read() == b"x"


def test_versions_keep_their_own_keys(s3):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    made = [
        (s3.put_object(Bucket=BUCKET, Key="a", Body=name.encode(), **given)["VersionId"], name, given)
        for name, given in SOURCES.items()
    ]
    for version_id, name, given in made:
        key = SSE_C if given is SSE_C else {}
        got = s3.get_object(Bucket=BUCKET, Key="a", VersionId=version_id, **key)
        assert got["Body"].read() == name.encode()


def test_a_renamed_object_is_still_opened(s3):
    s3.put_object(Bucket=BUCKET, Key="a", Body=text_of(70_000), **SSE_S3)
    s3.rename_object(Bucket=BUCKET, Key="b", RenameSource="a")
    assert s3.get_object(Bucket=BUCKET, Key="b")["Body"].read() == text_of(70_000)


def test_encryption_headers_are_refused_where_they_say_nothing(s3):
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", **SSE_S3)

    def add(request, **_):
        request.headers["x-amz-server-side-encryption"] = "AES256"

    for name in ("GetObject", "HeadObject"):
        s3.meta.events.register(f"before-sign.s3.{name}", add)
    assert code_of(s3.get_object, Bucket=BUCKET, Key="a") == (400, "InvalidArgument")
    assert code_of(s3.head_object, Bucket=BUCKET, Key="a")[0] == 400


def test_a_server_whose_key_is_lost_says_so_and_gives_nothing_wrong(tmp_path, caplog):
    root = tmp_path / "s3"
    config = {
        "users": [
            {
                "name": "a",
                "access_key_id": "admin-key",
                "secret_access_key": "admin-secret",
                "policy": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
            }
        ],
        "buckets": [{"name": BUCKET}],
    }
    with RunningServer(root, config) as server:
        s3 = client_of(server)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"secret", **SSE_S3)
        (root / "master.key").unlink()
    with pytest.raises(RuntimeError, match="Restore it from its backup"):
        RunningServer(root, config)


def client_of(server):
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="admin-key",
        aws_secret_access_key="admin-secret",
    )
