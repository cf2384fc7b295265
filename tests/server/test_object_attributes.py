"""GetObjectAttributes; what an object is stored with besides bytes and metadata: storage class, redirect."""

from __future__ import annotations

import hashlib

import pytest
from s3_callers import BUCKET, MIB, client_allowed, code_of, send, signed_send

from s3portal.server.wire.checksums import encode

OBJECT = {"Bucket": BUCKET, "Key": "k"}
ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
SIZES_BYTES = (5 * MIB, 5 * MIB, 3)


def attributes(s3, names=ALL, **options):
    answer = s3.get_object_attributes(**OBJECT, ObjectAttributes=names, **options)
    del answer["ResponseMetadata"]
    return answer


def upload(s3, algorithm="SHA256", **options):
    """Uploads an object of three parts; returns the answer of Complete."""
    upload_id = s3.create_multipart_upload(**OBJECT, ChecksumAlgorithm=algorithm, **options)["UploadId"]
    target = {**OBJECT, "UploadId": upload_id}
    parts = []
    for number, size_bytes in enumerate(SIZES_BYTES, 1):
        body = bytes([number]) * size_bytes
        sent = s3.upload_part(**target, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        name = f"Checksum{algorithm}"
        parts.append({"PartNumber": number, "ETag": sent["ETag"], name: sent[name]})
    return s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})


def test_everything_of_a_plain_object(s3):
    put = s3.put_object(**OBJECT, Body=b"content", StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA1")
    found = attributes(s3)
    assert found.pop("LastModified") == s3.head_object(**OBJECT)["LastModified"]
    assert found == {
        "ETag": put["ETag"].strip('"'),
        "Checksum": {"ChecksumSHA1": put["ChecksumSHA1"], "ChecksumType": "FULL_OBJECT"},
        "StorageClass": "STANDARD_IA",
        "ObjectSize": 7,
    }


def test_only_what_was_asked_for_is_answered(s3):
    s3.put_object(**OBJECT, Body=b"content")
    found = attributes(s3, ["ObjectSize"])
    assert (found["ObjectSize"], set(found)) == (7, {"ObjectSize", "LastModified"})


def test_the_parts_of_an_object(s3):
    completed = upload(s3)
    found = attributes(s3)
    assert found["ETag"] == completed["ETag"].strip('"')
    assert found["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert f"{found['Checksum']['ChecksumSHA256']}-3" == completed["ChecksumSHA256"]
    parts = found["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"]) == (3, False)
    assert [part["Size"] for part in parts["Parts"]] == list(SIZES_BYTES)
    digests = [encode(hashlib.sha256(bytes([n]) * s).digest()) for n, s in enumerate(SIZES_BYTES, 1)]
    assert [part["ChecksumSHA256"] for part in parts["Parts"]] == digests


def test_the_parts_page_by_page(s3):
    upload(s3, "CRC32")
    numbers, marker = [], 0
    while True:
        page = attributes(s3, ["ObjectParts"], MaxParts=2, PartNumberMarker=marker)["ObjectParts"]
        assert (page["MaxParts"], page["PartNumberMarker"], page["TotalPartsCount"]) == (2, marker, 3)
        numbers += [part["PartNumber"] for part in page["Parts"]]
        if not page["IsTruncated"]:
            break
        marker = page["NextPartNumberMarker"]
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("names", ["Size", "ETag,Owner"])
def test_attributes_that_do_not_exist(s3_server, s3, names):
    s3.put_object(**OBJECT, Body=b"x")
    headers = {"x-amz-object-attributes": names}
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}/k?attributes", headers)
    assert (status, b"<Code>InvalidArgument" in body) == (400, True)


@pytest.mark.parametrize("header", ["x-amz-max-parts", "x-amz-part-number-marker"])
@pytest.mark.parametrize("value", ["-1", "x", "99999999999"])
def test_a_page_that_makes_no_sense(s3_server, s3, header, value):
    upload(s3)
    headers = {"x-amz-object-attributes": "ObjectParts", header: value}
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}/k?attributes", headers)
    assert (status, b"<Code>InvalidArgument" in body) == (400, True)


def test_an_object_that_is_not_there_and_one_that_may_not_be_asked_about(s3_server, s3):
    arguments = {**OBJECT, "ObjectAttributes": ["ETag"]}
    assert code_of(s3.get_object_attributes, **arguments) == "NoSuchKey"
    s3.put_object(**OBJECT, Body=b"x")
    for actions in (["s3:GetObject"], ["s3:GetObjectAttributes"]):
        blind = client_allowed(s3_server, *actions)
        assert code_of(blind.get_object_attributes, **arguments) == "AccessDenied"
    sighted = client_allowed(s3_server, "s3:GetObject", "s3:GetObjectAttributes")
    assert sighted.get_object_attributes(**arguments)["ETag"]


class TestStorageClass:
    @pytest.mark.parametrize("name", ["STANDARD_IA", "GLACIER", "REDUCED_REDUNDANCY", "DEEP_ARCHIVE"])
    def test_it_is_shown_wherever_the_object_is(self, s3, name):
        s3.put_object(**OBJECT, Body=b"content", StorageClass=name)
        assert s3.head_object(**OBJECT)["StorageClass"] == name
        assert s3.get_object(**OBJECT)["Body"].read() == b"content"
        for listing in (s3.list_objects, s3.list_objects_v2):
            assert [o["StorageClass"] for o in listing(Bucket=BUCKET)["Contents"]] == [name]

    def test_standard_is_said_in_listings_only(self, s3):
        s3.put_object(
            **OBJECT, Body=b"x", StorageClass="STANDARD", Metadata={"a": '"x-amz-storage-class":"Z"'}
        )
        assert "StorageClass" not in s3.head_object(**OBJECT)
        (entry,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        assert entry["StorageClass"] == "STANDARD"

    def test_an_upload_gives_it_to_its_object(self, s3):
        begun = s3.create_multipart_upload(**OBJECT, StorageClass="ONEZONE_IA")["UploadId"]
        (listed,) = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        assert listed["StorageClass"] == "ONEZONE_IA"
        assert s3.list_parts(**OBJECT, UploadId=begun)["StorageClass"] == "ONEZONE_IA"
        upload(s3, StorageClass="GLACIER_IR")
        assert s3.head_object(**OBJECT)["StorageClass"] == "GLACIER_IR"

    def test_a_copy_has_that_of_its_request_alone(self, s3):
        s3.put_object(**OBJECT, Body=b"x", StorageClass="STANDARD_IA", Metadata={"a": "1"})
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/k")
        head = s3.head_object(Bucket=BUCKET, Key="copy")
        assert ("StorageClass" in head, head["Metadata"]) == (False, {"a": "1"})
        s3.copy_object(**OBJECT, CopySource=f"{BUCKET}/k", StorageClass="GLACIER")
        head = s3.head_object(**OBJECT)
        assert (head["StorageClass"], head["Metadata"]) == ("GLACIER", {"a": "1"})


class TestRedirect:
    def test_it_is_stored_and_served(self, s3):
        s3.put_object(**OBJECT, Body=b"x", WebsiteRedirectLocation="https://example.org/a")
        assert s3.get_object(**OBJECT)["WebsiteRedirectLocation"] == "https://example.org/a"
        assert s3.head_object(**OBJECT)["WebsiteRedirectLocation"] == "https://example.org/a"
        s3.copy_object(**OBJECT, CopySource=f"{BUCKET}/k", WebsiteRedirectLocation="/b")
        assert s3.head_object(**OBJECT)["WebsiteRedirectLocation"] == "/b"

    def test_anything_else_than_an_address_is_refused(self, s3):
        refused = {"WebsiteRedirectLocation": "javascript:alert(1)"}
        assert code_of(s3.put_object, **OBJECT, Body=b"x", **refused) == "InvalidRedirectLocation"


class TestEncryption:
    def test_that_of_s3_is_echoed_by_every_answer(self, s3):
        wanted = {"ServerSideEncryption": "AES256"}
        answers = [s3.put_object(**OBJECT, Body=b"x", **wanted), s3.head_object(**OBJECT)]
        answers.append(s3.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/k", **wanted))
        begun = s3.create_multipart_upload(**OBJECT, **wanted)
        target = {**OBJECT, "UploadId": begun["UploadId"]}
        part = s3.upload_part(**target, PartNumber=1, Body=b"x")
        listed = [{"PartNumber": 1, "ETag": part["ETag"]}]
        done = s3.complete_multipart_upload(**target, MultipartUpload={"Parts": listed})
        answers += [begun, part, done, s3.get_object(**OBJECT)]
        assert [answer.get("ServerSideEncryption") for answer in answers] == ["AES256"] * len(answers)
        assert "ServerSideEncryption" not in s3.put_object(**OBJECT, Body=b"x")

    def test_that_of_the_bucket_is_said_of_its_objects(self, s3):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
        assert s3.put_object(**OBJECT, Body=b"x")["ServerSideEncryption"] == "AES256"
        copied = s3.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/k")
        assert copied["ServerSideEncryption"] == "AES256"
        assert s3.head_object(Bucket=BUCKET, Key="c")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize(
    ("method", "query"), [("POST", "restore"), ("POST", "select&select-type=2"), ("GET", "torrent")]
)
def test_what_is_not_offered_says_so(s3_server, s3, method, query):
    s3.put_object(**OBJECT, Body=b"x")
    status, _, body = signed_send(s3_server, method, f"/{BUCKET}/k?{query}")
    assert (status, b"<Code>NotImplemented" in body) == (501, True)


def test_a_checksum_goes_with_a_part_that_is_asked_for_by_number(s3):
    upload(s3)
    part = s3.get_object(**OBJECT, PartNumber=3, ChecksumMode="ENABLED")
    assert part["ChecksumSHA256"] == encode(hashlib.sha256(b"\3\3\3").digest())
    assert (part["Body"].read(), part["PartsCount"]) == (b"\3\3\3", 3)
    assert "ChecksumSHA256" not in s3.get_object(**OBJECT, Range="bytes=0-9", ChecksumMode="ENABLED")
    s3.put_object(**OBJECT, Body=b"whole", ChecksumAlgorithm="SHA256")
    whole = s3.head_object(**OBJECT, PartNumber=1, ChecksumMode="ENABLED")
    assert whole["ChecksumSHA256"] == encode(hashlib.sha256(b"whole").digest())


def test_only_a_signed_request_overrides_headers(s3_server, s3):
    s3.put_object(**OBJECT, Body=b"x")
    assert send(s3_server, "GET", f"/{BUCKET}/k?response-content-type=text%2Fhtml")[0] == 403
    _, headers, _ = signed_send(s3_server, "GET", f"/{BUCKET}/k?response-content-type=text%2Fhtml")
    assert headers["content-type"] == "text/html"
