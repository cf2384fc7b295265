"""Tags of objects: put, read, deleted and counted, with an object and later, within S3's limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_callers import BUCKET, client_allowed, code_of, refusal_of, signed_send
from test_asking_for_nothing import parts_with_filenames
from test_posting import form_for, post

from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import encode_tags, query_of_tags, stored_tags, tags_of_query

OBJECT = {"Bucket": BUCKET, "Key": "k"}
TAGS = [{"Key": "station", "Value": "north 1"}, {"Key": "é+-=._:/@", "Value": ""}]


def tag_sets(count, key="k{}", value="v"):
    return [{"Key": key.format(number), "Value": value} for number in range(count)]


def tags_of(s3, **arguments):
    return s3.get_object_tagging(**{**OBJECT, **arguments})["TagSet"]


@pytest.fixture
def stored(s3):
    s3.put_object(**OBJECT, Body=b"x")


def test_tags_are_replaced_as_a_whole_read_and_deleted(s3, stored):
    assert tags_of(s3) == []
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": tag_sets(3)})
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": TAGS})
    assert tags_of(s3) == TAGS
    assert s3.get_object(**OBJECT)["TagCount"] == 2
    head = s3.head_object(**OBJECT)["ResponseMetadata"]["HTTPHeaders"]
    assert head["x-amz-tagging-count"] == "2"
    answer = s3.delete_object_tagging(**OBJECT)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert tags_of(s3) == []
    assert "x-amz-tagging-count" not in s3.head_object(**OBJECT)["ResponseMetadata"]["HTTPHeaders"]


def test_an_object_is_born_with_the_tags_of_its_request(s3):
    header = "station=north+1&%C3%A9%2B-%3D._%3A%2F%40="
    s3.put_object(**OBJECT, Body=b"x", Tagging=header)
    assert tags_of(s3) == TAGS
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="parts", Tagging=header)["UploadId"]
    target = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload_id}
    etag = s3.upload_part(**target, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert tags_of(s3, Key="parts") == TAGS
    s3.put_object(**OBJECT, Body=b"y")
    assert tags_of(s3) == []


def test_a_form_has_a_document_of_tags(s3_server, s3):
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    fields = form_for(s3, "k", [["starts-with", "$tagging", ""]]) | {"tagging": tagging}
    assert post(s3_server, parts_with_filenames(fields))[0] == 204
    assert tags_of(s3) == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("tagging", "answer"),
    [
        ("not-xml", (400, "MalformedXML")),
        ("<Tagging><Tag", (400, "MalformedXML")),
        ("<None></None>", (204, "")),
    ],
)
def test_a_form_with_another_document(s3_server, s3, tagging, answer):
    fields = form_for(s3, "k", [["starts-with", "$tagging", ""]]) | {"tagging": tagging}
    assert post(s3_server, parts_with_filenames(fields))[::2] == answer


def test_a_copy_takes_the_tags_along_or_those_of_its_request(s3):
    s3.put_object(**OBJECT, Body=b"x", Tagging="a=1")
    source = {"CopySource": f"{BUCKET}/k"}
    s3.copy_object(Bucket=BUCKET, Key="same", **source)
    assert tags_of(s3, Key="same") == [{"Key": "a", "Value": "1"}]
    s3.copy_object(Bucket=BUCKET, Key="other", **source, TaggingDirective="REPLACE", Tagging="b=2")
    assert tags_of(s3, Key="other") == [{"Key": "b", "Value": "2"}]
    s3.copy_object(Bucket=BUCKET, Key="none", **source, TaggingDirective="REPLACE")
    assert tags_of(s3, Key="none") == []
    wrong = {**source, "TaggingDirective": "MERGE"}
    assert code_of(s3.copy_object, Bucket=BUCKET, Key="x", **wrong) == "InvalidArgument"


def test_ten_tags_of_the_longest_keys_and_values_fit(s3, stored):
    longest = tag_sets(10, "{:0128}", "v" * 256)
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": longest})
    assert tags_of(s3) == longest


@pytest.mark.parametrize(
    "tags",
    [
        tag_sets(11),
        tag_sets(1, "{:0129}"),
        tag_sets(1, "k", "v" * 257),
        tag_sets(2, "same"),
        tag_sets(1, "aws:system"),
        tag_sets(1, "what?"),
        tag_sets(1, "k", "<b>"),
    ],
    ids=["eleven", "long key", "long value", "twice", "aws", "sign in key", "sign in value"],
)
def test_what_is_no_tag_changes_nothing(s3, stored, tags):
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": TAGS})
    refused = refusal_of(s3.put_object_tagging, **OBJECT, Tagging={"TagSet": tags})
    assert (refused.status, refused.code) == (400, "InvalidTag")
    assert tags_of(s3) == TAGS


@given(st.text(st.sampled_from("ab=&%+2C\xc3\xa9 :") | st.characters(max_codepoint=255), max_size=40))
def test_any_header_is_tags_or_is_refused(header):
    try:
        tags = tags_of_query(header)
    except S3Error as refused:
        assert refused.status == 400
    else:
        assert stored_tags(encode_tags(tags)) == tags
        assert tags_of_query(query_of_tags(tags)) == tags


@pytest.mark.parametrize("header", ["a=1&a=2", "%ff=1"])
def test_a_header_that_cannot_be_read_is_an_invalid_argument(s3_server, s3, header):
    status, _, body = signed_send(s3_server, "PUT", f"/{BUCKET}/k", {"x-amz-tagging": header}, b"x")
    assert (status, b"<Code>InvalidArgument" in body) == (400, True)
    assert code_of(s3.head_object, **OBJECT) == "404"


@pytest.mark.parametrize(
    "body",
    [
        b"<Tagging/>",
        b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value><Value>2</Value></Tag></TagSet></Tagging>",
        b"<Tagging><TagSet><Other>x</Other></TagSet></Tagging>",
        b"<TagSet/>",
        b"tags",
    ],
)
def test_another_document_is_malformed(s3_server, s3, stored, body):
    status, _, answer = signed_send(s3_server, "PUT", f"/{BUCKET}/k?tagging", body=body)
    assert (status, b"<Code>MalformedXML" in answer) == (400, True)


def test_tags_of_what_is_not_there(s3):
    for call in (s3.get_object_tagging, s3.delete_object_tagging):
        assert code_of(call, **OBJECT) == "NoSuchKey"
    assert code_of(s3.put_object_tagging, **OBJECT, Tagging={"TagSet": TAGS}) == "NoSuchKey"


def test_a_change_of_tags_leaves_etag_and_date_as_they_are(s3, stored):
    before = s3.head_object(**OBJECT)
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": TAGS})
    after = s3.head_object(**OBJECT)
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


def test_tags_have_permissions_of_their_own(s3_server, s3, stored):
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": TAGS})
    reader = client_allowed(s3_server, "s3:GetObject")
    assert code_of(reader.get_object_tagging, **OBJECT) == "AccessDenied"
    assert code_of(reader.put_object_tagging, **OBJECT, Tagging={"TagSet": []}) == "AccessDenied"
    headers = reader.head_object(**OBJECT)["ResponseMetadata"]["HTTPHeaders"]
    assert "x-amz-tagging-count" not in headers
    assert code_of(reader.copy_object, Bucket=BUCKET, Key="x", CopySource=f"{BUCKET}/k") == "AccessDenied"


def test_a_copy_of_tags_needs_their_permissions(s3_server, s3, stored):
    source = {"CopySource": f"{BUCKET}/k"}
    writer = client_allowed(s3_server, "s3:GetObject", "s3:PutObject")
    writer.copy_object(Bucket=BUCKET, Key="without", **source)
    s3.put_object_tagging(**OBJECT, Tagging={"TagSet": TAGS})
    assert code_of(writer.copy_object, Bucket=BUCKET, Key="with", **source) == "AccessDenied"
    assert code_of(s3.head_object, Bucket=BUCKET, Key="with") == "404"
