"""Hadoop's S3A: the requests that its file system calls make, with its default settings.

From its sources (RequestFactoryImpl, S3AFileSystem, ChangeTracker, HttpReferrerAuditHeader in hadoop-aws 3.4)
and its documentation: https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/index.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import boto3
import pytest
from java_sdk import Answer, JavaSDK

from s3portal.server.testing import RunningServer

BUCKET = "s3a-work"
MIB = 1024 * 1024
DIRECTORY = {"Content-Type": "application/x-directory"}


@pytest.fixture
def s3a(server: RunningServer) -> Iterator[JavaSDK]:
    """The client of a file system on an empty bucket."""
    user = server.users["admin"]
    keys = (user.access_key_id, user.secret_access_key)
    bucket = boto3.resource(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
    ).create_bucket(Bucket=BUCKET)
    yield JavaSDK(server.endpoint, BUCKET, *keys)
    bucket.objects.delete()
    bucket.delete()


def list_status(s3a: JavaSDK, prefix: str, *, max_keys: int = 5000, **more: str) -> Answer:
    s3a.span = "op_list_status"
    query = {"list-type": "2", "delimiter": "/", "max-keys": str(max_keys), "prefix": prefix, **more}
    return s3a.call("GET", query=query)


def delete_keys(s3a: JavaSDK, keys: list[str]) -> Answer:
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{objects}<Quiet>true</Quiet></Delete>"
    ).encode()
    md5 = base64.b64encode(hashlib.md5(document).digest()).decode()
    s3a.span = "op_delete"
    return s3a.call("POST", query={"delete": ""}, headers={"Content-MD5": md5}, body=document)


def test_a_file_system_is_initialised(s3a: JavaSDK) -> None:
    # fs.s3a.bucket.probe = 2 lists ACLs no more: it asks for the bucket. The region comes with the answer.
    assert s3a.call("HEAD").status == 200
    assert s3a.call("GET", query={"location": ""}).status == 200


def test_mkdirs_makes_a_marker_that_is_a_directory(s3a: JavaSDK) -> None:
    for probed in ("tables/2026", "tables/2026/"):
        assert s3a.call("HEAD", probed).status == 404
    assert list_status(s3a, "tables/2026/", max_keys=2).texts("KeyCount") == ["0"]

    s3a.span = "op_mkdirs"
    made = s3a.call("PUT", "tables/2026/", headers=DIRECTORY, body=b"")
    assert (made.status, made.was_continued) == (200, True)
    head = s3a.call("HEAD", "tables/2026/")
    assert (head.headers["content-type"], head.headers["content-length"]) == ("application/x-directory", "0")
    assert list_status(s3a, "tables/2026/", max_keys=2).texts("Key") == ["tables/2026/"]
    assert list_status(s3a, "tables/").texts("Prefix") == ["tables/", "tables/2026/"]
    assert list_status(s3a, "").texts("Prefix") == ["", "tables/"]


def test_a_file_is_created_read_and_not_overwritten(s3a: JavaSDK) -> None:
    content = bytes(range(256)) * 1200
    key = "year=2026/city=São Tomé/part-00000 (1).csv"
    # createFile().create().overwrite(false) with fs.s3a.create.conditional.enabled, its default.
    created = s3a.call("PUT", key, headers={"If-None-Match": "*"}, body=content)
    assert (created.status, created.was_continued) == (200, True)
    again = s3a.call("PUT", key, headers={"If-None-Match": "*"}, body=content)
    assert (again.status, again.was_continued) == (412, False)

    s3a.span = "op_open"
    head = s3a.call("HEAD", key)
    assert head.headers["content-length"] == str(len(content))
    assert "content-encoding" not in head.headers
    # fs.s3a.change.detection.mode = server pins what it reads to the ETag that HEAD gave.
    pinned = {"If-Match": head.headers["etag"]}
    piece = s3a.call("GET", key, headers={"Range": "bytes=1000-1999", **pinned})
    assert (piece.status, piece.body) == (206, content[1000:2000])
    assert s3a.call("GET", key, headers={"Range": f"bytes={len(content)}-", **pinned}).status == 416
    unquoted = {"If-Match": head.headers["etag"].strip('"')}
    assert s3a.call("GET", key, headers={"Range": "bytes=0-", **unquoted}).body == content

    assert s3a.call("PUT", key, body=b"changed").status == 200
    assert s3a.call("GET", key, headers={"Range": "bytes=0-9", **pinned}).status == 412


def test_blocks_of_a_large_file_are_parts(s3a: JavaSDK) -> None:
    blocks = [b"a" * (5 * MIB), b"b" * 12345]
    begun = s3a.call(
        "POST", "large", query={"uploads": ""}, headers={"Content-Type": "application/octet-stream"}, body=b""
    )
    upload_id = begun.texts("UploadId")[0]
    etags = []
    for number, block in enumerate(blocks, 1):
        query = {"partNumber": str(number), "uploadId": upload_id}
        etags.append(s3a.call("PUT", "large", query=query, body=block).headers["etag"])
    pending = s3a.call("GET", query={"uploads": "", "prefix": "lar"})
    assert pending.texts("UploadId") == [upload_id]

    parts = "".join(
        f"<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>"
        for number, etag in enumerate(etags, 1)
    )
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{parts}'
        "</CompleteMultipartUpload>"
    ).encode()
    query, only_new = {"uploadId": upload_id}, {"If-None-Match": "*"}
    assert s3a.call("POST", "large", query=query, headers=only_new, body=document).status == 200
    assert s3a.call("GET", "large").body == b"".join(blocks)

    begun = s3a.call("POST", "aborted", query={"uploads": ""}, body=b"")
    assert s3a.call("DELETE", "aborted", query={"uploadId": begun.texts("UploadId")[0]}).status == 204


def test_rename_copies_with_the_metadata_and_deletes_many(s3a: JavaSDK) -> None:
    names = [f"part-{number:05}" for number in range(3)]
    s3a.call("PUT", "old/", headers=DIRECTORY, body=b"")
    for name in names:
        s3a.call("PUT", f"old/{name}", headers={"x-amz-meta-owner": "alice"}, body=name.encode())

    s3a.span = "op_rename"
    for name in names:
        etag = s3a.call("HEAD", f"old/{name}").headers["etag"]
        copied = s3a.call(
            "PUT",
            f"new/{name}",
            headers={
                "x-amz-copy-source": f"{BUCKET}/old/{name}",
                "x-amz-copy-source-if-match": etag,
                "x-amz-metadata-directive": "REPLACE",
                "x-amz-meta-owner": "alice",
                "Content-Type": "application/octet-stream",
            },
        )
        assert copied.texts("ETag") == [etag]
    gone = delete_keys(s3a, ["old/", *(f"old/{name}" for name in names)])
    # Quiet: only errors are told, and there are none.
    assert (gone.status, gone.texts("Error"), gone.texts("Deleted")) == (200, [], [])
    assert list_status(s3a, "old/", max_keys=2).texts("KeyCount") == ["0"]
    assert list_status(s3a, "new/").texts("Key") == [f"new/{name}" for name in names]
    assert s3a.call("HEAD", "new/part-00001").headers["x-amz-meta-owner"] == "alice"


def test_listings_are_paged_in_both_versions(s3a: JavaSDK) -> None:
    keys = [f"many/{number:02}" for number in range(5)]
    for key in keys:
        s3a.call("PUT", key, body=b"x")
    first = list_status(s3a, "many/", max_keys=3)
    assert first.texts("IsTruncated") == ["true"]
    token = first.texts("NextContinuationToken")[0]
    rest = list_status(s3a, "many/", max_keys=3, **{"continuation-token": token})
    assert first.texts("Key") + rest.texts("Key") == keys

    # fs.s3a.list.version = 1, of the SDK's version 1, which asks for encoded keys.
    query = {"delimiter": "/", "encoding-type": "url", "max-keys": "3", "prefix": "many/"}
    first = s3a.call("GET", query=query)
    marker = (first.texts("NextMarker") or first.texts("Key")[-1:])[0]
    rest = s3a.call("GET", query={**query, "marker": marker})
    assert [*first.texts("Key"), *rest.texts("Key")] == [key.replace("/", "%2F") for key in keys] or [
        *first.texts("Key"),
        *rest.texts("Key"),
    ] == keys


def test_delete_of_a_file_and_of_what_is_not_there(s3a: JavaSDK) -> None:
    s3a.call("PUT", "file", body=b"x")
    for _ in range(2):
        assert s3a.call("DELETE", "file").status == 204
    assert delete_keys(s3a, ["file", "nothing/"]).texts("Error") == []
