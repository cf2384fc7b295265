"""ListObjectVersions: pages, prefixes, delimiters, markers, odd values."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from s3_callers import BUCKET, signed_send
from versioned_buckets import listed, set_versioning


@pytest.fixture
def versioned(s3):
    set_versioning(s3, "Enabled")
    return s3


def put(s3, key, content=b"x"):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=content)["VersionId"]


def test_a_bucket_without_versioning_lists_null_versions(s3):
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"123", ChecksumAlgorithm="SHA256")
    (entry,) = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    shown = {name: entry[name] for name in ("Key", "VersionId", "IsLatest", "Size", "StorageClass")}
    assert shown == {
        "Key": "k",
        "VersionId": "null",
        "IsLatest": True,
        "Size": 3,
        "StorageClass": "STANDARD",
    }
    (listed_object,) = s3.list_objects_v2(Bucket=BUCKET, FetchOwner=True)["Contents"]
    assert entry["Owner"] == listed_object["Owner"]
    assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == (["SHA256"], "FULL_OBJECT")


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_of_any_size_have_everything_once(versioned, size):
    expected = set()
    for key in ("a/1", "a/2", "b", "é"):
        expected |= {(key, put(versioned, key)) for _ in range(3)}
        expected.add((key, versioned.delete_object(Bucket=BUCKET, Key=key)["VersionId"]))
    found = [entry[:2] for entry in listed(versioned, PaginationConfig={"PageSize": size})]
    assert (len(found), set(found)) == (16, expected)


def test_common_prefixes_stand_for_all_below(versioned):
    for key in ("a/1", "a/2", "b", "c/1"):
        put(versioned, key)
        put(versioned, key)
    arguments = {"Bucket": BUCKET, "Delimiter": "/", "MaxKeys": 1}
    pages, marker = [], {}
    while True:
        page = versioned.list_object_versions(**arguments, **marker)
        pages.append(
            [p["Prefix"] for p in page.get("CommonPrefixes", [])]
            + [v["Key"] for v in page.get("Versions", [])]
        )
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"]}
        if "NextVersionIdMarker" in page:
            marker["VersionIdMarker"] = page["NextVersionIdMarker"]
    assert pages == [["a/"], ["b"], ["b"], ["c/"]]


def test_pages_lose_nothing_while_their_versions_are_deleted(versioned):
    for number in range(12):
        put(versioned, "k", b"%d" % number)
    deleted, marker = 0, {}
    while True:
        page = versioned.list_object_versions(Bucket=BUCKET, MaxKeys=5, **marker)
        for entry in page.get("Versions", []):
            versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=entry["VersionId"])
            deleted += 1
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert (deleted, listed(versioned)) == (12, [])


def test_after_a_null_version_that_has_gone_the_key_begins_again(s3):
    put_null = s3.put_object(Bucket=BUCKET, Key="k", Body=b"null")
    assert "VersionId" not in put_null
    set_versioning(s3, "Enabled")
    newest = put(s3, "k")
    s3.delete_object(Bucket=BUCKET, Key="k", VersionId="null")
    page = s3.list_object_versions(Bucket=BUCKET, KeyMarker="k", VersionIdMarker="null")
    assert [entry["VersionId"] for entry in page["Versions"]] == [newest]


def test_a_key_alone_is_a_marker_behind_all_its_versions(versioned):
    put(versioned, "a")
    put(versioned, "a")
    last = put(versioned, "b")
    page = versioned.list_object_versions(Bucket=BUCKET, KeyMarker="a")
    assert [entry["VersionId"] for entry in page["Versions"]] == [last]


def test_a_folder_of_its_own_name_is_a_key_and_no_common_prefix(versioned):
    folder = put(versioned, "folder/")
    below = put(versioned, "folder/k")
    arguments = {"Bucket": BUCKET, "Prefix": "folder/", "Delimiter": "/"}
    page = versioned.list_object_versions(**arguments)
    assert [entry["VersionId"] for entry in page["Versions"]] == [folder, below]
    page = versioned.list_object_versions(**arguments, KeyMarker="folder/")
    assert [entry["VersionId"] for entry in page["Versions"]] == [below]


def test_pages_of_a_long_history_are_its_order(versioned):
    ids = [put(versioned, "k") for _ in range(30)]
    put(versioned, "l")
    found = [entry[1] for entry in listed(versioned, PaginationConfig={"PageSize": 7})]
    assert found[:-1] == ids[::-1]


@pytest.mark.parametrize("key", ["a b+c", "é/ü", "<&>\"'"])
def test_names_are_encoded_where_that_is_asked_for(s3_server, versioned, key):
    put(versioned, key)
    put(versioned, key)
    query = f"versions&encoding-type=url&max-keys=1&prefix={quote(key[0])}"
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?{query}")
    assert status == 200
    for name in ("Key", "NextKeyMarker"):
        assert f"<{name}>{quote(key, safe='/-_.~*')}</{name}>".encode() in body
    assert b"<EncodingType>url</EncodingType>" in body


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("key-marker=k&version-id-marker=nonsense", "Invalid version id specified"),
        ("key-marker=k&version-id-marker=nonexistent-version-id-12345", "Invalid version id specified"),
        ("version-id-marker=null", "A version-id marker cannot be specified without a key marker."),
        ("max-keys=-1", "Provided max-keys not an integer or within integer range"),
        ("max-keys=many", "Provided max-keys not an integer or within integer range"),
        ("encoding-type=base64", "Invalid Encoding Method specified in Request"),
    ],
)
def test_values_that_cannot_be_are_refused(s3_server, query, message):
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?versions&{query}")
    assert (status, b"InvalidArgument" in body, message.encode() in body) == (400, True, True)


@pytest.mark.parametrize(
    "query",
    [
        "versions=",
        "versions&prefix=&delimiter=&key-marker=&version-id-marker=&max-keys=&encoding-type=",
        f"versions&key-marker=a&version-id-marker={'0' * 32}",
        "versions&max-keys=5000",
    ],
)
def test_empty_and_harmless_values_list_everything(s3_server, versioned, query):
    put(versioned, "k")
    status, _, body = signed_send(s3_server, "GET", f"/{BUCKET}?{query}")
    assert (status, b"<Key>k</Key>" in body, b"<Delimiter" in body) == (200, True, False)


def test_a_page_of_nothing_is_the_last(versioned):
    put(versioned, "k")
    page = versioned.list_object_versions(Bucket=BUCKET, MaxKeys=0)
    assert (page["IsTruncated"], "Versions" in page) == (False, False)


def test_a_bucket_that_is_not_there(s3_server):
    assert signed_send(s3_server, "GET", "/no-such-bucket?versions")[0] in (403, 404)
