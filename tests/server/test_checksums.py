"""Integrity: what the caller promises is checked on arrival, kept, and told again."""

from __future__ import annotations

import hashlib
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send

from s3portal.server.wire import checksums
from s3portal.server.wire.checksums import (
    ALGORITHMS,
    COMPOSITE,
    FULL_OBJECT,
    checksum_of_parts,
    decode,
    encode,
)

CONTENT = b"content of the object"


def digest(algorithm, content):
    running = ALGORITHMS[algorithm].start()
    running.update(content)
    return running.digest()


def value(algorithm, content=CONTENT):
    return encode(digest(algorithm, content))


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", hashlib.sha1(b"123456789").hexdigest()),
        ("SHA256", hashlib.sha256(b"123456789").hexdigest()),
        ("SHA512", hashlib.sha512(b"123456789").hexdigest()),
        ("MD5", hashlib.md5(b"123456789").hexdigest()),
        ("XXHASH64", "8cb841db40e6ae83"),
    ],
)
def test_the_algorithms_give_their_published_check_values(algorithm, expected):
    assert digest(algorithm, b"123456789").hex() == expected


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("XXHASH64", "ef46db3751d8e999"),
        ("XXHASH3", "2d06800538d394c2"),
        ("XXHASH128", "99aa06d3014798d86001c324468d497f"),
    ],
)
def test_the_published_values_of_nothing(algorithm, expected):
    assert digest(algorithm, b"").hex() == expected


def test_an_awscrt_without_xxhash_says_so(s3, monkeypatch):
    monkeypatch.delattr(checksums.crt, "XXHash")
    refusal = refusal_of(
        s3.put_object, Bucket=BUCKET, Key="k", Body=CONTENT, ChecksumXXHASH3=encode(b"8" * 8)
    )
    assert (refusal.status, refusal.code) == (501, "NotImplemented")
    assert "install a newer one" in refusal.error["Message"]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6))
def test_crcs_of_parts_combine_into_that_of_the_whole(parts):
    for name in ("CRC32", "CRC32C", "CRC64NVME"):
        combined = checksum_of_parts(
            ALGORITHMS[name],
            FULL_OBJECT,
            [digest(name, part) for part in parts],
            [len(part) for part in parts],
        )
        assert combined.value == value(name, b"".join(parts))


@given(st.text(max_size=40), st.integers(1, 32))
def test_decoding_takes_exactly_the_right_size_and_never_crashes(text, size_bytes):
    decoded = decode(text, size_bytes)
    assert decoded is None or len(decoded) == size_bytes


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestGivenChecksums:
    def test_a_right_one_is_kept_and_told(self, s3, algorithm):
        given_value = {f"Checksum{algorithm}": value(algorithm)}
        put = s3.put_object(Bucket=BUCKET, Key="k", Body=CONTENT, **given_value)
        head = s3.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
        answer = s3.get_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
        for told in (put, head, answer):
            assert told[f"Checksum{algorithm}"] == value(algorithm)
        assert answer["Body"].read() == CONTENT
        listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"][0]
        assert listed["ChecksumAlgorithm"] == [algorithm]

    def test_a_wrong_one_is_refused_and_nothing_is_stored(self, s3, algorithm):
        wrong = {f"Checksum{algorithm}": value(algorithm, b"other")}
        refusal = refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=CONTENT, **wrong)
        assert (refusal.status, refusal.code) == (400, "BadDigest")
        assert algorithm in refusal.error["Message"]
        assert code_of(s3.head_object, Bucket=BUCKET, Key="k") == "404"

    def test_one_that_is_none_is_an_invalid_request(self, s3, algorithm):
        nonsense = {f"Checksum{algorithm}": "nonsense"}
        assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=CONTENT, **nonsense) == "InvalidRequest"


def test_content_md5_is_checked_also_when_it_is_not_signed(s3_server, s3):
    url = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
    right = encode(hashlib.md5(CONTENT).digest())
    assert send(s3_server, "PUT", url, {"Content-MD5": right}, CONTENT)[0] == 200
    status, _, body = send(s3_server, "PUT", url, {"Content-MD5": right}, CONTENT + b"!")
    assert (status, b"<Code>BadDigest</Code>" in body) == (400, True)
    status, _, body = send(s3_server, "PUT", url, {"Content-MD5": "x"}, CONTENT)
    assert (status, b"<Code>InvalidDigest</Code>" in body) == (400, True)


def test_two_checksums_are_one_too_many(s3):
    both = {"ChecksumCRC32": value("CRC32"), "ChecksumSHA1": value("SHA1")}
    assert code_of(s3.put_object, Bucket=BUCKET, Key="k", Body=CONTENT, **both) == "InvalidRequest"


def test_without_one_the_server_computes_crc64nvme(s3_server):
    s3 = client_of(s3_server, request_checksum_calculation="when_required")
    s3.put_object(Bucket=BUCKET, Key="k", Body=CONTENT)
    head = s3.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (value("CRC64NVME"), "FULL_OBJECT")
    assert "ChecksumCRC64NVME" not in s3.head_object(Bucket=BUCKET, Key="k")


class TestMultipart:
    parts = (b"a" * 5 * MIB, b"b" * 5 * MIB, b"tail")

    def upload(self, s3, algorithm=None, kind=None, given=True, complete=None):
        chosen = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        chosen |= {"ChecksumType": kind} if kind else {}
        target = {"Bucket": BUCKET, "Key": "mp"}
        upload_id = s3.create_multipart_upload(**target, **chosen)["UploadId"]
        listed = []
        for number, part in enumerate(self.parts, 1):
            checksum = {f"Checksum{algorithm}": value(algorithm, part)} if algorithm and given else {}
            answer = s3.upload_part(**target, UploadId=upload_id, PartNumber=number, Body=part, **checksum)
            listed.append({"PartNumber": number, "ETag": answer["ETag"], **checksum})
        return s3.complete_multipart_upload(
            **target, UploadId=upload_id, MultipartUpload={"Parts": listed}, **(complete or {})
        )

    @pytest.mark.parametrize("algorithm", sorted(set(ALGORITHMS) - {"CRC64NVME"}))
    def test_composite(self, s3, algorithm):
        digests = [digest(algorithm, part) for part in self.parts]
        expected = value(algorithm, b"".join(digests)) + "-3"
        assert checksum_of_parts(ALGORITHMS[algorithm], COMPOSITE, digests, [0] * 3).value == expected
        done = self.upload(s3, algorithm)
        head = s3.head_object(Bucket=BUCKET, Key="mp", ChecksumMode="ENABLED")
        assert done[f"Checksum{algorithm}"] == head[f"Checksum{algorithm}"] == expected
        assert done["ChecksumType"] == head["ChecksumType"] == "COMPOSITE"

    @pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
    def test_full_object(self, s3, algorithm):
        whole = value(algorithm, b"".join(self.parts))
        done = self.upload(s3, algorithm, "FULL_OBJECT", complete={f"Checksum{algorithm}": whole})
        assert (done[f"Checksum{algorithm}"], done["ChecksumType"]) == (whole, "FULL_OBJECT")

    def test_without_an_algorithm_the_whole_has_crc64nvme_that_a_caller_can_compare(self, s3):
        done = self.upload(s3)
        assert done["ChecksumCRC64NVME"] == value("CRC64NVME", b"".join(self.parts))

    def test_a_wrong_checksum_of_the_whole_is_refused_and_the_upload_stays(self, s3):
        wrong = {"ChecksumCRC64NVME": value("CRC64NVME", b"other")}
        assert code_of(self.upload, s3=s3, algorithm="CRC64NVME", complete=wrong) == "BadDigest"
        assert len(s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]) == 1
        assert code_of(s3.head_object, Bucket=BUCKET, Key="mp") == "404"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"ChecksumSHA1": value("SHA1", b"x")},
            {"ChecksumCRC64NVME": "AAAA"},
            {"ChecksumCRC64NVME": value("CRC64NVME", b"x"), "ChecksumCRC32": value("CRC32", b"x")},
        ],
        ids=["another algorithm", "no checksum", "two"],
    )
    def test_a_checksum_that_the_whole_does_not_have_is_an_invalid_request(self, s3, wrong):
        assert code_of(self.upload, s3=s3, algorithm="CRC64NVME", complete=wrong) == "InvalidRequest"

    def test_a_part_listed_with_a_wrong_checksum_or_one_of_another_algorithm(self, s3):
        target = {"Bucket": BUCKET, "Key": "k"}
        upload_id = s3.create_multipart_upload(**target, ChecksumAlgorithm="SHA1")["UploadId"]
        sent = {**target, "UploadId": upload_id}
        etag = s3.upload_part(**sent, PartNumber=1, Body=CONTENT, ChecksumAlgorithm="SHA1")["ETag"]
        for wrong in ({"ChecksumSHA1": value("SHA1", b"x")}, {"ChecksumCRC32": value("CRC32", CONTENT)}):
            listed = {"Parts": [{"PartNumber": 1, "ETag": etag, **wrong}]}
            assert code_of(s3.complete_multipart_upload, **sent, MultipartUpload=listed) == "InvalidPart"

    def test_without_an_algorithm_parts_may_be_listed_with_what_they_were_sent_with(self, s3):
        target = {"Bucket": BUCKET, "Key": "k"}
        sent = {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}
        part = s3.upload_part(**sent, PartNumber=1, Body=CONTENT, ChecksumAlgorithm="SHA256")
        listed = {name: part[name] for name in ("ETag", "ChecksumSHA256")} | {"PartNumber": 1}
        done = s3.complete_multipart_upload(**sent, MultipartUpload={"Parts": [listed]})
        assert done["ChecksumCRC64NVME"] == value("CRC64NVME", CONTENT)

    def test_a_composite_upload_wants_each_parts_checksum_at_the_end(self, s3_server):
        plain = client_of(s3_server, request_checksum_calculation="when_required")
        refusal = refusal_of(self.upload, s3=plain, algorithm="SHA256", given=False)
        assert (refusal.code, "missing for part 1" in refusal.error["Message"]) == ("InvalidRequest", True)

    def test_sha_has_no_full_object_type(self, s3):
        target = {"Bucket": BUCKET, "Key": "k", "ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"}
        assert code_of(s3.create_multipart_upload, **target) == "InvalidRequest"

    def test_a_part_in_another_algorithm_is_refused(self, s3):
        target = {"Bucket": BUCKET, "Key": "k"}
        upload_id = s3.create_multipart_upload(**target, ChecksumAlgorithm="SHA256")["UploadId"]
        other = {"ChecksumCRC32": value("CRC32")}
        refusal = refusal_of(
            s3.upload_part, **target, UploadId=upload_id, PartNumber=1, Body=CONTENT, **other
        )
        assert (refusal.code, "mismatch" in refusal.error["Message"]) == ("InvalidRequest", True)

    def test_list_parts_shows_the_checksums_that_were_asked_for(self, s3):
        target = {"Bucket": BUCKET, "Key": "k"}
        upload_id = s3.create_multipart_upload(**target, ChecksumAlgorithm="CRC32C")["UploadId"]
        s3.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=CONTENT, ChecksumAlgorithm="CRC32C")
        listed = s3.list_parts(**target, UploadId=upload_id)
        assert listed["Parts"][0]["ChecksumCRC32C"] == value("CRC32C")
        assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ("CRC32C", "COMPOSITE")

    def test_boto3s_own_multipart_upload_and_download(self, s3_server):
        s3 = client_of(s3_server)
        content = b"".join(self.parts) * 2
        s3.upload_fileobj(io.BytesIO(content), BUCKET, "big")
        received = io.BytesIO()
        s3.download_fileobj(BUCKET, "big", received)
        assert zlib.crc32(received.getvalue()) == zlib.crc32(content)
