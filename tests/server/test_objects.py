"""Objects: put and read, whatever their keys and their metadata are."""

from __future__ import annotations

import os
from http.client import IncompleteRead

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, signed_send
from small_objects import CONTENT, body_of


@pytest.fixture
def ten(s3):
    """An object of ten bytes."""
    s3.put_object(Bucket=BUCKET, Key="ten", Body=CONTENT)
    return {"Bucket": BUCKET, "Key": "ten"}


# Anything that is UTF-8 and fits 1,024 bytes.
any_key = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=80).filter(
    lambda key: len(key.encode()) <= 1024
)


@settings(max_examples=examples(60))
@given(key=any_key, content=st.binary(max_size=100))
def test_any_key_and_any_content_come_back(shared_server, key, content):
    path = f"/{BUCKET}/" + "".join(f"%{byte:02X}" for byte in key.encode())
    assert signed_send(shared_server, "PUT", path, body=content)[0] == 200
    assert signed_send(shared_server, "GET", path)[2] == content
    assert signed_send(shared_server, "DELETE", path)[0] == 204
    assert signed_send(shared_server, "GET", path)[0] == 404


@pytest.mark.parametrize(
    "keys",
    [
        ["foo", "foo/bar", "foo/bar/baz"],
        ["a" * 255, "a" * 256, "b/" + "c" * 300, "é" * 512],
        ["../../escape", "..", ".", "/etc/passwd", "a\\b", "metadata.sqlite3", "a\x00b"],
    ],
)
def test_keys_that_would_trouble_a_file_system_are_just_keys(s3_server, s3, tmp_path, keys):
    for key in keys:
        path = f"/{BUCKET}/" + "".join(f"%{byte:02X}" for byte in key.encode())
        assert signed_send(s3_server, "PUT", path, body=key.encode())[0] == 200
    for key in keys:
        path = f"/{BUCKET}/" + "".join(f"%{byte:02X}" for byte in key.encode())
        assert signed_send(s3_server, "GET", path)[2] == key.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["s3"]


def test_no_path_of_the_server_is_reachable_by_tricks(s3_server):
    for path in ("/../lock", f"/{BUCKET}/../lock", "/%2e%2e/lock", "/./metadata.sqlite3", "//lock"):
        status, _, body = signed_send(s3_server, "GET", path)
        assert status in (400, 403, 404), path
        assert b"SQLite" not in body


def test_headers_and_metadata_come_back_as_they_were_given(s3):
    given = {
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="x.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "text/csv; charset=utf-8",
        "Metadata": {"portal": "https://data.example.org", "filename": "=?utf-8?b?w6k=?="},
    }
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", **given)
    for read in (s3.get_object, s3.head_object):
        found = read(Bucket=BUCKET, Key="k")
        assert {name: found[name] for name in given} == given


def test_without_a_content_type_it_is_s3s_own(s3, ten):
    assert s3.head_object(**ten)["ContentType"] == "binary/octet-stream"


def test_an_empty_content_type_is_none(s3_server, s3):
    assert signed_send(s3_server, "PUT", f"/{BUCKET}/k", {"Content-Type": ""}, b"x")[0] == 200
    assert s3.head_object(Bucket=BUCKET, Key="k")["ContentType"] == "binary/octet-stream"


def test_metadata_over_2_kib_is_refused(s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", Metadata={"a": "x" * 2047})
    assert (
        code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x", Metadata={"a": "x" * 2048})
        == "MetadataTooLarge"
    )


def test_an_empty_object(s3):
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    answer = s3.get_object(Bucket=BUCKET, Key="empty")
    assert (answer["ContentLength"], body_of(answer)) == (0, b"")
    refusal = refusal_of(s3.get_object, Bucket=BUCKET, Key="empty", Range="bytes=0-0")
    assert (refusal.status, refusal.code) == (416, "InvalidRange")


def test_a_key_of_1024_bytes_is_the_longest(s3):
    s3.put_object(Bucket=BUCKET, Key="é" * 512, Body=b"x")
    refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="é" * 512 + "x", Body=b"x")
    assert (refusal.code, refusal.error["MaxSizeAllowed"]) == ("KeyTooLongError", "1024")


def test_a_put_over_5_gib_is_refused_before_a_byte_is_read(s3_server, s3):
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"}).removeprefix(
        s3_server.endpoint
    )
    from s3_callers import raw_exchange

    head = f"PUT {url} HTTP/1.1\r\nHost: 127.0.0.1:{s3_server.port}\r\nContent-Length: {5 * 1024**3 + 1}\r\n"
    answer = raw_exchange(s3_server, f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert b"<Code>EntityTooLarge</Code>" in answer
    assert b"100 Continue" not in answer


def test_a_reader_gets_the_whole_object_although_it_is_replaced_meanwhile(s3_server, s3, tmp_path):
    old, new = b"o" * 9 * MIB, b"n" * MIB
    s3.put_object(Bucket=BUCKET, Key="k", Body=old)
    reading = s3.get_object(Bucket=BUCKET, Key="k")["Body"]
    begun = reading.read(100)
    s3.put_object(Bucket=BUCKET, Key="k", Body=new)
    assert begun + reading.read() == old
    assert body_of(s3.get_object(Bucket=BUCKET, Key="k")) == new


def test_a_file_that_lost_its_end_breaks_the_answer_off(s3_server, s3, tmp_path):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
    (blob,) = (path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file())
    os.truncate(blob, 1000)
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "k"})
    with pytest.raises(IncompleteRead) as broken:
        send(s3_server, "GET", url)
    assert len(broken.value.partial) == 1000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "none"}, "KMS.NotFoundException"),
        ({"ObjectLockLegalHoldStatus": "ON"}, "InvalidRequest"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"StorageClass": "COLD"}, "InvalidStorageClass"),
        ({"ExpectedBucketOwner": "111111111111"}, "AccessDenied"),
    ],
)
def test_what_somebody_would_rely_on_is_refused_rather_than_ignored(s3, arguments, code):
    assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x", **arguments) == code
    assert code_of(s3.head_object, Bucket=BUCKET, Key="k") == "404"


def test_the_owner_acl_and_the_right_owner_are_accepted(s3):
    s3.put_object(
        Bucket=BUCKET, Key="k", Body=b"x", ACL="bucket-owner-full-control", ExpectedBucketOwner="000000000000"
    )


def test_who_may_not_list_does_not_learn_what_is_missing(tmp_path):
    from s3portal.server.pytest_plugin import server_config
    from s3portal.server.testing import RunningServer

    config = server_config()
    config["users"][1]["policy"]["Statement"] = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    config["roles"] = []
    with RunningServer(tmp_path / "s3", config) as server:
        assert code_of(client_of(server, "portal").get_object, Bucket=BUCKET, Key="no") == "AccessDenied"
        assert code_of(client_of(server, "admin").get_object, Bucket=BUCKET, Key="no") == "NoSuchKey"


def test_metadata_names_with_underscores_and_hyphens_are_two_names(s3):
    metadata = {"creator_username": "anna", "creator-username": "bert"}
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", Metadata=metadata)
    assert s3.head_object(Bucket=BUCKET, Key="k")["Metadata"] == metadata


@pytest.mark.parametrize("parameter", ["annotation", "something-s3-will-have-one-day", "torrent"])
def test_a_change_of_what_is_not_known_here_is_not_a_change_of_the_object(s3_server, s3, ten, parameter):
    for method in ("PUT", "DELETE"):
        status, _, body = signed_send(s3_server, method, f"/{BUCKET}/ten?{parameter}", body=b"other")
        assert (status, b"NotImplemented" in body) == (501, True)
    assert signed_send(s3_server, "PUT", f"/{BUCKET}/k?x-id=PutObject", body=b"x")[0] == 200
    assert body_of(s3.get_object(**ten)) == CONTENT
