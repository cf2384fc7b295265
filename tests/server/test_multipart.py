"""Multipart uploads: parts in any order and number, completed by reference, exactly once, or not at all."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import timedelta

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, signed_send

TARGET = {"Bucket": BUCKET, "Key": "folder/large file é.nc"}
PART = b"p" * 5 * MIB


@pytest.fixture
def upload_id(s3):
    return s3.create_multipart_upload(**TARGET, ContentType="text/csv", Metadata={"user": "anna"})["UploadId"]


def put_part(s3, upload_id, number, body):
    return s3.upload_part(**TARGET, UploadId=upload_id, PartNumber=number, Body=body)["ETag"]


def complete(s3, upload_id, parts, **more):
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
    return s3.complete_multipart_upload(
        **TARGET, UploadId=upload_id, MultipartUpload={"Parts": listed}, **more
    )


def blobs_of(tmp_path):
    return sorted(path.name for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file())


def content_of(s3, **more):
    return s3.get_object(**TARGET, **more)["Body"].read()


def test_parts_in_any_order_make_the_object(s3, upload_id):
    pieces = {number: os.urandom(5 * MIB) for number in (1, 2, 5)} | {9: b"tail"}
    etags = {number: put_part(s3, upload_id, number, pieces[number]) for number in (5, 9, 1, 2)}

    done = complete(s3, upload_id, sorted(etags.items()))

    digests = b"".join(hashlib.md5(pieces[number]).digest() for number in sorted(pieces))
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-4"'
    assert done["Location"].endswith("/folder/large%20file%20%C3%A9.nc")
    assert content_of(s3) == b"".join(pieces[number] for number in sorted(pieces))
    head = s3.head_object(**TARGET)
    assert (head["ContentType"], head["Metadata"], head["ETag"]) == (
        "text/csv",
        {"user": "anna"},
        done["ETag"],
    )
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_range_over_the_border_of_parts(s3, upload_id):
    pieces = [os.urandom(5 * MIB), os.urandom(5 * MIB), os.urandom(10)]
    complete(s3, upload_id, [(n, put_part(s3, upload_id, n, piece)) for n, piece in enumerate(pieces, 1)])
    whole = b"".join(pieces)
    for first, last in [
        (5 * MIB - 3, 5 * MIB + 2),
        (5 * MIB, 5 * MIB),
        (1, len(whole) - 2),
        (len(whole) - 1, 10**9),
    ]:
        assert content_of(s3, Range=f"bytes={first}-{last}") == whole[first : last + 1]


def test_one_part_can_be_read_by_its_number(s3, upload_id):
    complete(s3, upload_id, [(3, put_part(s3, upload_id, 3, PART)), (7, put_part(s3, upload_id, 7, b"tail"))])
    second = s3.get_object(**TARGET, PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (b"tail", 2)
    assert second["ContentRange"] == f"bytes {5 * MIB}-{5 * MIB + 3}/{5 * MIB + 4}"
    assert refusal_of(s3.get_object, **TARGET, PartNumber=3).status == 416


def test_an_upload_of_one_empty_part_is_an_empty_object(s3, upload_id):
    complete(s3, upload_id, [(1, put_part(s3, upload_id, 1, b""))])
    assert content_of(s3) == b""


def test_completing_copies_nothing_and_removes_the_unused_parts(s3, upload_id, tmp_path):
    etag = put_part(s3, upload_id, 1, PART)
    put_part(s3, upload_id, 2, b"unused" * MIB)
    used = [name for name in blobs_of(tmp_path) if ".1." in name]
    complete(s3, upload_id, [(1, etag)])
    assert blobs_of(tmp_path) == used
    assert content_of(s3) == PART


def test_nothing_is_visible_before_complete(s3, upload_id):
    put_part(s3, upload_id, 1, PART)
    assert code_of(s3.head_object, **TARGET) == "404"
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_the_old_object_stays_until_complete_and_is_then_replaced_whole(s3, upload_id, tmp_path):
    old, new = b"o" * MIB, b"n" * MIB
    s3.put_object(**TARGET, Body=old)
    etag = put_part(s3, upload_id, 1, new)
    assert content_of(s3) == old
    complete(s3, upload_id, [(1, etag)])
    assert content_of(s3) == new
    assert len(blobs_of(tmp_path)) == 1


class TestCompletingAgain:
    def test_gives_the_same_answer(self, s3, upload_id):
        parts = [(1, put_part(s3, upload_id, 1, b"x"))]
        first = complete(s3, upload_id, parts)
        again = complete(s3, upload_id, parts)
        for name in ("ETag", "Location", "ChecksumCRC64NVME", "ChecksumType"):
            assert first[name] == again[name]

    def test_after_a_later_write_there_is_no_such_upload(self, s3, upload_id):
        parts = [(1, put_part(s3, upload_id, 1, b"x"))]
        complete(s3, upload_id, parts)
        s3.put_object(**TARGET, Body=b"later")
        assert code_of(complete, s3=s3, upload_id=upload_id, parts=parts) == "NoSuchUpload"
        assert content_of(s3) == b"later"

    def test_with_other_parts_there_is_no_such_upload(self, s3, upload_id):
        complete(s3, upload_id, [(1, put_part(s3, upload_id, 1, b"x"))])
        for etag in ('"0123456789abcdef0123456789abcdef"', '"nonsense"'):
            assert code_of(complete, s3=s3, upload_id=upload_id, parts=[(1, etag)]) == "NoSuchUpload"

    def test_at_the_same_time_all_get_the_answer(self, s3_server, s3, upload_id):
        parts = [(1, put_part(s3, upload_id, 1, b"x"))]
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(complete(client_of(s3_server), upload_id, parts)["ETag"])
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 6
        assert len(set(answers)) == 1


class TestRefusals:
    def test_a_part_too_small_before_the_last(self, s3, upload_id):
        parts = [(n, put_part(s3, upload_id, n, b"small")) for n in (1, 2)]
        refusal = refusal_of(complete, s3=s3, upload_id=upload_id, parts=parts)
        assert (refusal.code, refusal.error["MinSizeAllowed"]) == ("EntityTooSmall", str(5 * MIB))
        assert refusal.error["PartNumber"] == "1"

    def test_a_part_that_is_missing_or_has_another_etag(self, s3, upload_id):
        etag = put_part(s3, upload_id, 1, b"x")
        for parts in ([(2, etag)], [(1, '"0123456789abcdef0123456789abcdef"')], [(1, etag), (2, etag)]):
            assert code_of(complete, s3=s3, upload_id=upload_id, parts=parts) == "InvalidPart"
        complete(s3, upload_id, [(1, etag.strip('"'))])  # without quotes, as some clients send it

    def test_parts_out_of_order_or_twice(self, s3, upload_id):
        etags = {n: put_part(s3, upload_id, n, PART) for n in (1, 2)}
        for order in ((2, 1), (1, 1)):
            parts = [(n, etags[n]) for n in order]
            assert code_of(complete, s3=s3, upload_id=upload_id, parts=parts) == "InvalidPartOrder"

    def test_no_parts_and_no_xml(self, s3_server, s3, upload_id):
        path = f"/{BUCKET}/folder/large%20file%20%C3%A9.nc?uploadId={upload_id}"
        status, _, answer = signed_send(s3_server, "POST", path)
        assert (status, b"<Code>InvalidRequest</Code>" in answer) == (400, True)
        for body in (
            b"<CompleteMultipartUpload/>",
            b"<CompleteMultipartUpload>",
            b"<Other/>",
            b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>y</ETag></Part></CompleteMultipartUpload>",
            b'<!DOCTYPE x [<!ENTITY a "b">]><CompleteMultipartUpload/>',
        ):
            status, _, answer = signed_send(s3_server, "POST", path, body=body)
            assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True), body

    def test_a_document_without_end(self, s3_server, s3, upload_id):
        path = f"/{BUCKET}/folder/large%20file%20%C3%A9.nc?uploadId={upload_id}"
        status, _, answer = signed_send(s3_server, "POST", path, body=b" " * (9 * MIB))
        assert (status, b"<Code>MaxMessageLengthExceeded</Code>" in answer) == (400, True)

    @pytest.mark.parametrize("number", ["0", "10001", "-1", "x", "1e3", ""])
    def test_a_part_number_outside_1_to_10000(self, s3_server, upload_id, number):
        path = f"/{BUCKET}/folder/large%20file%20%C3%A9.nc?partNumber={number}&uploadId={upload_id}"
        status, _, answer = signed_send(s3_server, "PUT", path, body=b"x")
        assert (status, b"between 1 and 10000" in answer) == (400, True)

    def test_an_unknown_upload_and_one_of_another_key(self, s3, upload_id):
        for arguments in (
            TARGET | {"UploadId": "no-such-upload"},
            {"Bucket": BUCKET, "Key": "another", "UploadId": upload_id},
        ):
            for call, more in (
                (s3.upload_part, {"PartNumber": 1, "Body": b"x"}),
                (s3.list_parts, {}),
                (s3.abort_multipart_upload, {}),
                (
                    s3.complete_multipart_upload,
                    {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"x"'}]}},
                ),
            ):
                assert code_of(call, **arguments, **more) == "NoSuchUpload"

    def test_a_wrong_object_size(self, s3, upload_id):
        parts = [(1, put_part(s3, upload_id, 1, b"x"))]
        assert code_of(complete, s3=s3, upload_id=upload_id, parts=parts, MpuObjectSize=2) == "InvalidRequest"
        complete(s3, upload_id, parts, MpuObjectSize=1)

    def test_complete_only_if_new(self, s3, upload_id):
        parts = [(1, put_part(s3, upload_id, 1, b"x"))]
        s3.put_object(**TARGET, Body=b"first")
        refused = code_of(complete, s3=s3, upload_id=upload_id, parts=parts, IfNoneMatch="*")
        assert refused == "PreconditionFailed"
        s3.delete_object(**TARGET)
        complete(s3, upload_id, parts, IfNoneMatch="*")


class TestAbort:
    def test_removes_the_parts_and_ends_the_upload(self, s3, upload_id, tmp_path):
        put_part(s3, upload_id, 1, PART)
        assert len(blobs_of(tmp_path)) == 1
        s3.abort_multipart_upload(**TARGET, UploadId=upload_id)
        assert blobs_of(tmp_path) == []
        assert code_of(s3.abort_multipart_upload, **TARGET, UploadId=upload_id) == "NoSuchUpload"
        assert code_of(put_part, s3=s3, upload_id=upload_id, number=1, body=b"x") == "NoSuchUpload"

    def test_only_if_it_was_begun_then(self, s3_server, s3, upload_id):
        (listed,) = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        abort = {**TARGET, "UploadId": upload_id}
        other = listed["Initiated"] - timedelta(seconds=1)
        code = code_of(s3.abort_multipart_upload, **abort, IfMatchInitiatedTime=other)
        assert code == "PreconditionFailed"
        path = f"/{BUCKET}/folder/large%20file%20%C3%A9.nc?uploadId={upload_id}"
        unreadable = {"x-amz-if-match-initiated-time": "yesterday"}
        assert signed_send(s3_server, "DELETE", path, unreadable)[0] == 400
        s3.abort_multipart_upload(**abort, IfMatchInitiatedTime=listed["Initiated"])
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)

    def test_with_a_part_still_arriving_leaves_no_blob(self, s3_server, s3, upload_id, tmp_path):
        url = s3.generate_presigned_url("upload_part", TARGET | {"UploadId": upload_id, "PartNumber": 1})
        arriving = threading.Event()

        def body():
            yield b"x" * MIB
            arriving.set()
            s3.abort_multipart_upload(**TARGET, UploadId=upload_id)
            yield b"x" * MIB

        status, _, answer = send(s3_server, "PUT", url, {"Content-Length": str(2 * MIB)}, body())
        assert arriving.is_set()
        assert (status, b"<Code>NoSuchUpload</Code>" in answer) == (404, True)
        assert blobs_of(tmp_path) == []


def test_the_same_part_twice_at_once_ends_as_one_of_them(s3_server, s3, upload_id, tmp_path):
    bodies = [bytes([65 + number]) * MIB for number in range(6)]
    etags = []

    def put(body):
        etags.append(put_part(client_of(s3_server), upload_id, 1, body))

    threads = [threading.Thread(target=put, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(etags)) == 6
    (part,) = s3.list_parts(**TARGET, UploadId=upload_id)["Parts"]
    complete(s3, upload_id, [(1, part["ETag"])])
    assert content_of(s3) in bodies
    assert len(blobs_of(tmp_path)) == 1


class TestPartCopy:
    def test_a_range_of_another_object_becomes_a_part(self, s3, upload_id):
        source = {"Bucket": BUCKET, "Key": "source"}
        s3.put_object(**source, Body=b"0123456789" * MIB)
        whole = s3.upload_part_copy(**TARGET, UploadId=upload_id, PartNumber=1, CopySource=source)
        some = s3.upload_part_copy(
            **TARGET, UploadId=upload_id, PartNumber=2, CopySource=source, CopySourceRange="bytes=3-7"
        )
        complete(s3, upload_id, [(n, r["CopyPartResult"]["ETag"]) for n, r in ((1, whole), (2, some))])
        assert content_of(s3) == b"0123456789" * MIB + b"34567"

    @pytest.mark.parametrize("copy_range", ["bytes=5-3", "bytes=0-10", "bytes=-3", "0-3"])
    def test_a_range_outside_the_source(self, s3, upload_id, copy_range):
        source = {"Bucket": BUCKET, "Key": "source"}
        s3.put_object(**source, Body=b"0123456789")
        copy = TARGET | {"UploadId": upload_id, "PartNumber": 1, "CopySource": source}
        assert code_of(s3.upload_part_copy, **copy, CopySourceRange=copy_range) == "InvalidArgument"


class TestListing:
    def test_parts_page_by_page(self, s3_server, s3, upload_id):
        plain = client_of(s3_server, request_checksum_calculation="when_required")
        for number in range(1, 24):
            put_part(plain, upload_id, number * 3, b"x" * number)
        pages = list(
            s3.get_paginator("list_parts").paginate(
                **TARGET, UploadId=upload_id, PaginationConfig={"PageSize": 10}
            )
        )
        assert [len(page["Parts"]) for page in pages] == [10, 10, 3]
        listed = [(part["PartNumber"], part["Size"]) for page in pages for part in page["Parts"]]
        assert listed == [(number * 3, number) for number in range(1, 24)]
        arn = "arn:aws:iam::000000000000:user/portal"
        assert pages[0]["Initiator"] == {"ID": arn, "DisplayName": "portal"}

    def test_uploads_page_by_page_in_order_of_key_and_age(self, s3):
        made = []
        for key in ("b", "a", "c", "a", "b"):
            upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
            made.append((key, len(made), upload_id))
        expected = [(key, upload_id) for key, _, upload_id in sorted(made)]
        for size in (1, 2, 3, 10):
            pages = s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=BUCKET, PaginationConfig={"PageSize": size}
            )
            assert [(u["Key"], u["UploadId"]) for page in pages for u in page.get("Uploads", [])] == expected

    def test_uploads_rolled_up_at_a_delimiter(self, s3):
        for key in ("a/1", "a/2", "b", "c/d/1"):
            s3.create_multipart_upload(Bucket=BUCKET, Key=key)
        pages = s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=BUCKET, Delimiter="/", PaginationConfig={"PageSize": 1}
        )
        listed = [
            entry.get("Key") or entry["Prefix"]
            for page in pages
            for entry in page.get("Uploads", []) + page.get("CommonPrefixes", [])
        ]
        assert listed == ["a/", "b", "c/"]
        inner = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="c/", Delimiter="/")
        assert [entry["Prefix"] for entry in inner["CommonPrefixes"]] == ["c/d/"]


def test_ten_thousand_parts_complete(shared_server):
    """The limit itself, with the parts' rows written directly: 10,000 real parts would be 50 GB."""
    from s3portal.server.storage import parts as stored_parts
    from s3portal.server.storage import uploads
    from s3portal.server.storage.records import Part

    s3 = client_of(shared_server)
    upload_id = s3.create_multipart_upload(**TARGET)["UploadId"]
    storage = shared_server._server.storage
    upload = uploads.find(storage, BUCKET, TARGET["Key"], upload_id)
    etag = hashlib.md5(PART).hexdigest()
    parts = [
        Part(number, f"{upload_id}.{number}.00000000", 0, 5 * MIB, etag, b"\0" * 8, 0)
        for number in range(1, 10_001)
    ]
    storage.database.write(lambda connection: stored_parts.insert_parts(connection, upload.upload_id, parts))
    done = complete(s3, upload_id, [(number, f'"{etag}"') for number in range(1, 10_001)])
    assert done["ETag"].endswith('-10000"')
    assert s3.head_object(**TARGET)["ContentLength"] == 50_000 * MIB
