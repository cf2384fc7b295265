"""Versions through the API: kept, named, read, copied; enabled, suspended and never."""

from __future__ import annotations

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, refusal_of, send, signed_send
from versioned_buckets import content_of, listed, set_versioning, version_ids

from s3portal.server.storage import buckets, journal, usage


@pytest.fixture
def versioned(s3):
    set_versioning(s3, "Enabled")
    return s3


def put(s3, content, key="k", **arguments):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=content, **arguments)


class TestTheBucket:
    def test_its_state_is_what_was_put(self, s3):
        assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)
        for status in ("Enabled", "Suspended", "Enabled"):
            set_versioning(s3, status)
            assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == status

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ("<Status>Off</Status>", "MalformedXML"),
            ("<Status>enabled</Status>", "MalformedXML"),
            ("", "IllegalVersioningConfigurationException"),
            ("<MfaDelete>Disabled</MfaDelete>", "IllegalVersioningConfigurationException"),
            ("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>", "NotImplemented"),
            ("<Status>Enabled</Status><MfaDelete>Perhaps</MfaDelete>", "MalformedXML"),
            ("<Status>Enabled</Status><Later>x</Later>", "MalformedXML"),
        ],
    )
    def test_a_state_that_cannot_be_is_refused(self, s3_server, s3, body, code):
        document = f"<VersioningConfiguration>{body}</VersioningConfiguration>".encode()
        status, _, answer = signed_send(s3_server, "PUT", f"/{BUCKET}?versioning", body=document)
        assert (status >= 400, f"<Code>{code}</Code>".encode() in answer) == (True, True)
        assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)

    def test_mfa_delete_that_is_off_asks_for_nothing(self, s3):
        asked = {"Status": "Enabled", "MFADelete": "Disabled"}
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=asked)
        assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"

    def test_a_bucket_whose_objects_may_be_locked_stays_enabled(self, s3_server, versioned):
        buckets.put_setting(s3_server._server.storage, BUCKET, "object-lock", "{}")
        refusal = refusal_of(
            versioned.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
        )
        assert (refusal.status, refusal.code) == (409, "InvalidBucketState")
        set_versioning(versioned, "Enabled")

    def test_it_is_not_empty_while_it_has_versions(self, s3_server, versioned):
        admin = client_of(s3_server, "admin")
        put(versioned, b"1")
        versioned.delete_object(Bucket=BUCKET, Key="k")
        assert versioned.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
        refusal = refusal_of(admin.delete_bucket, Bucket=BUCKET)
        assert (refusal.status, refusal.code) == (409, "BucketNotEmpty")
        for key, version_id, *_ in listed(versioned):
            versioned.delete_object(Bucket=BUCKET, Key=key, VersionId=version_id)
        admin.delete_bucket(Bucket=BUCKET)


class TestWriting:
    def test_each_write_is_a_version_that_stays(self, versioned):
        ids = [put(versioned, content)["VersionId"] for content in (b"1", b"22", b"")]
        assert len(set(ids)) == 3
        assert [content_of(versioned, "k", version_id) for version_id in ids] == [b"1", b"22", b""]
        assert content_of(versioned, "k") == b""
        assert version_ids(versioned, "k") == ids[::-1]

    def test_every_way_to_write_names_its_version(self, s3_server, versioned):
        first = put(versioned, b"1")["VersionId"]
        source = {"Bucket": BUCKET, "Key": "k", "VersionId": first}
        copied = versioned.copy_object(Bucket=BUCKET, Key="k", CopySource=source)
        assert copied["CopySourceVersionId"] == first
        target = {"Bucket": BUCKET, "Key": "k"}
        upload_id = versioned.create_multipart_upload(**target)["UploadId"]
        part = versioned.upload_part_copy(**target, UploadId=upload_id, PartNumber=1, CopySource=source)
        assert part["CopySourceVersionId"] == first
        listed_parts = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
        completed = versioned.complete_multipart_upload(
            **target, UploadId=upload_id, MultipartUpload=listed_parts
        )
        form = versioned.generate_presigned_post(BUCKET, "k")
        fields = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["fields"].items()
        )
        body = f'{fields}--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nposted\r\n--b--\r\n'
        sent = {"Content-Type": "multipart/form-data; boundary=b"}
        status, headers, _ = send(s3_server, "POST", f"/{BUCKET}", sent, body.encode())
        assert status == 204
        written = [first, copied["VersionId"], completed["VersionId"], headers["x-amz-version-id"]]
        assert version_ids(versioned, "k") == written[::-1]
        assert [content_of(versioned, "k", each) for each in written] == [b"1", b"1", b"1", b"posted"]

    def test_a_repeated_complete_answers_with_its_own_version(self, versioned):
        target = {"Bucket": BUCKET, "Key": "k"}
        upload_id = versioned.create_multipart_upload(**target)["UploadId"]
        etag = versioned.upload_part(**target, UploadId=upload_id, PartNumber=1, Body=b"x")["ETag"]
        asked = {"UploadId": upload_id, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
        first = versioned.complete_multipart_upload(**target, **asked)["VersionId"]
        put(versioned, b"later")
        assert versioned.complete_multipart_upload(**target, **asked)["VersionId"] == first
        assert len(version_ids(versioned, "k")) == 2

    def test_without_versioning_no_version_is_named(self, s3):
        assert "VersionId" not in put(s3, b"1")
        assert "VersionId" not in s3.get_object(Bucket=BUCKET, Key="k")
        assert "VersionId" not in s3.delete_object(Bucket=BUCKET, Key="k")
        put(s3, b"2")
        assert s3.head_object(Bucket=BUCKET, Key="k", VersionId="null")["VersionId"] == "null"

    @pytest.mark.parametrize(
        ("method", "query", "headers"),
        [
            ("PUT", "versionId={}", {}),
            ("PUT", "versionId={}", {"x-amz-copy-source": f"{BUCKET}/k"}),
            ("POST", "uploads&versionId={}", {}),
        ],
    )
    def test_no_writer_chooses_the_version(self, s3_server, versioned, method, query, headers):
        version_id = put(versioned, b"1")["VersionId"]
        path = f"/{BUCKET}/k?{query.format(version_id)}"
        status, _, body = signed_send(s3_server, method, path, headers)
        assert (status, b"does not accept a version-id" in body) == (400, True)
        assert version_ids(versioned, "k") == [version_id]

    def test_a_restored_version_is_a_copy_of_itself(self, versioned):
        first = put(versioned, b"1", Metadata={"of": "first"})["VersionId"]
        put(versioned, b"2")
        source = {"Bucket": BUCKET, "Key": "k"}
        assert code_of(versioned.copy_object, Bucket=BUCKET, Key="k", CopySource=source) == "InvalidRequest"
        versioned.copy_object(Bucket=BUCKET, Key="k", CopySource=source | {"VersionId": first})
        found = versioned.get_object(Bucket=BUCKET, Key="k")
        assert (found["Body"].read(), found["Metadata"]) == (b"1", {"of": "first"})
        assert len(version_ids(versioned, "k")) == 3

    def test_a_copy_is_of_the_version_that_is_named(self, versioned):
        large = [put(versioned, bytes([number]) * MIB)["VersionId"] for number in (1, 2)]
        for number, version_id in zip((1, 2), large, strict=True):
            source = {"Bucket": BUCKET, "Key": "k", "VersionId": version_id}
            versioned.copy_object(Bucket=BUCKET, Key="copy", CopySource=source)
            assert content_of(versioned, "copy") == bytes([number]) * MIB
        for version_id in large:
            versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=version_id)
        assert content_of(versioned, "copy") == bytes([2]) * MIB


class TestTheNullVersion:
    def test_what_was_there_before_becomes_the_null_version(self, s3):
        put(s3, b"before")
        set_versioning(s3, "Enabled")
        assert s3.head_object(Bucket=BUCKET, Key="k")["VersionId"] == "null"
        second = put(s3, b"after")["VersionId"]
        assert version_ids(s3, "k") == [second, "null"]
        assert content_of(s3, "k", "null") == b"before"

    def test_suspended_writes_replace_only_the_null_version(self, s3):
        put(s3, b"before")
        set_versioning(s3, "Enabled")
        kept = put(s3, b"kept")["VersionId"]
        set_versioning(s3, "Suspended")
        for content in (b"1", b"2"):
            assert put(s3, content)["VersionId"] == "null"
            assert version_ids(s3, "k") == ["null", kept]
            assert content_of(s3, "k") == content_of(s3, "k", "null") == content
        set_versioning(s3, "Enabled")
        newest = put(s3, b"new")["VersionId"]
        assert version_ids(s3, "k") == [newest, "null", kept]
        assert [content_of(s3, "k", each) for each in (newest, "null", kept)] == [b"new", b"2", b"kept"]

    def test_a_suspended_delete_marks_with_null(self, s3):
        set_versioning(s3, "Enabled")
        kept = put(s3, b"kept")["VersionId"]
        set_versioning(s3, "Suspended")
        put(s3, b"null")
        for _ in range(2):
            answer = s3.delete_object(Bucket=BUCKET, Key="k")
            assert (answer["DeleteMarker"], answer["VersionId"]) == (True, "null")
            assert sorted(listed(s3)) == sorted([("k", "null", True, True), ("k", kept, False, False)])
        put(s3, b"again")
        assert sorted(listed(s3)) == sorted([("k", "null", False, True), ("k", kept, False, False)])


class TestDeleting:
    def test_a_marker_hides_and_its_removal_shows_again(self, versioned):
        version_id = put(versioned, b"1")["VersionId"]
        marker = versioned.delete_object(Bucket=BUCKET, Key="k")
        assert marker["DeleteMarker"]
        assert code_of(versioned.get_object, Bucket=BUCKET, Key="k") == "NoSuchKey"
        assert content_of(versioned, "k", version_id) == b"1"
        removed = versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=marker["VersionId"])
        assert (removed["DeleteMarker"], removed["VersionId"]) == (True, marker["VersionId"])
        assert content_of(versioned, "k") == b"1"
        assert listed(versioned) == [("k", version_id, False, True)]

    def test_a_key_that_never_was_gets_a_marker_too(self, versioned):
        ids = [versioned.delete_object(Bucket=BUCKET, Key="k")["VersionId"] for _ in range(2)]
        assert listed(versioned) == [("k", ids[1], True, True), ("k", ids[0], True, False)]

    def test_the_next_version_becomes_the_current_one(self, versioned):
        ids = [put(versioned, content)["VersionId"] for content in (b"1", b"2", b"3")]
        versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=ids[2])
        assert content_of(versioned, "k") == b"2"
        versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=ids[0])
        assert listed(versioned) == [("k", ids[1], False, True)]
        versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=ids[1])
        assert listed(versioned) == []

    def test_the_next_one_may_be_a_marker(self, versioned):
        first = put(versioned, b"1")["VersionId"]
        marker = versioned.delete_object(Bucket=BUCKET, Key="k")["VersionId"]
        second = put(versioned, b"2")["VersionId"]
        versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=second)
        assert sorted(listed(versioned)) == sorted([("k", marker, True, True), ("k", first, False, False)])
        assert code_of(versioned.get_object, Bucket=BUCKET, Key="k") == "NoSuchKey"

    def test_a_version_that_is_not_there_is_no_error(self, versioned):
        version_id = put(versioned, b"1")["VersionId"]
        versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=version_id)
        answer = versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=version_id)
        assert "DeleteMarker" not in answer
        assert listed(versioned) == []

    def test_the_bytes_go_with_the_last_version_that_has_them(self, versioned, tmp_path):
        def files():
            return [path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()]

        ids = [put(versioned, bytes([number]) * MIB)["VersionId"] for number in (1, 2)]
        versioned.delete_object(Bucket=BUCKET, Key="k")
        assert len(files()) == 2
        for version_id in ids:
            versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=version_id)
        assert files() == []

    def test_a_version_that_is_read_is_read_to_its_end(self, s3_server, versioned):
        content = bytes(range(256)) * (64 * 1024)
        version_id = put(versioned, content)["VersionId"]
        put(versioned, b"newer")
        body = versioned.get_object(Bucket=BUCKET, Key="k", VersionId=version_id)["Body"]
        beginning = body.read(1000)
        versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=version_id)
        assert beginning + body.read() == content
        refusal = refusal_of(versioned.get_object, Bucket=BUCKET, Key="k", VersionId=version_id)
        assert (refusal.status, refusal.code) == (404, "NoSuchVersion")


class TestWhatIsNotThere:
    @pytest.fixture
    def marker_id(self, versioned):
        put(versioned, b"1")
        return versioned.delete_object(Bucket=BUCKET, Key="k")["VersionId"]

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_current_marker_is_404_and_says_so(self, s3_server, marker_id, method):
        status, headers, body = signed_send(s3_server, method, f"/{BUCKET}/k")
        assert (status, headers["x-amz-delete-marker"]) == (404, "true")
        assert headers["x-amz-version-id"] == marker_id
        assert (b"<Code>NoSuchKey</Code>" in body) == (method == "GET")

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_marker_by_its_id_is_405(self, s3_server, marker_id, method):
        status, headers, body = signed_send(s3_server, method, f"/{BUCKET}/k?versionId={marker_id}")
        assert (status, headers["x-amz-delete-marker"], headers["allow"]) == (405, "true", "DELETE")
        assert headers["x-amz-version-id"] == marker_id
        assert headers["last-modified"].endswith(" GMT")
        assert (b"<ResourceType>DeleteMarker</ResourceType>" in body) == (method == "GET")

    @pytest.mark.parametrize(
        ("version_id", "status", "code"),
        [
            ("0" * 32, 404, "NoSuchVersion"),
            ("01G65Z755AFWAKHE12NY0CQ9FH", 404, "NoSuchVersion"),
            ("null", 404, "NoSuchVersion"),
            ("not-a-version", 400, "InvalidArgument"),
            ("", 400, "InvalidArgument"),
            ("%00", 400, "InvalidArgument"),
            ("a" * 1025, 400, "InvalidArgument"),
        ],
    )
    def test_other_ids(self, s3_server, versioned, version_id, status, code):
        put(versioned, b"1")
        path = f"/{BUCKET}/k?versionId={version_id}"
        found, _, body = signed_send(s3_server, "GET", path)
        assert (found, f"<Code>{code}</Code>".encode() in body) == (status, True)
        assert signed_send(s3_server, "HEAD", path)[0] == status
        assert signed_send(s3_server, "DELETE", path)[0] == (204 if status == 404 else 400)
        assert content_of(versioned, "k") == b"1"

    def test_as_the_source_of_a_copy(self, versioned, marker_id):
        def code(version):
            source = {"Bucket": BUCKET, "Key": "k"} | version
            return code_of(versioned.copy_object, Bucket=BUCKET, Key="new", CopySource=source)

        assert code({}) == "NoSuchKey"
        assert code({"VersionId": marker_id}) == "InvalidRequest"
        assert code({"VersionId": "0" * 32}) == "NoSuchVersion"
        assert code({"VersionId": "x"}) == "InvalidArgument"


def test_the_journal_tells_what_happened_to_versions(s3_server, versioned):
    storage = s3_server._server.storage
    start = journal.changes_after(storage, 0, 1000)[-1].sequence
    first = put(versioned, b"1")["VersionId"]
    marker = versioned.delete_object(Bucket=BUCKET, Key="k")["VersionId"]
    versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=marker)
    versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=first)
    versioned.delete_object(Bucket=BUCKET, Key="k", VersionId=first)
    changes = journal.changes_after(storage, start, 100)
    assert [(change.event, change.version_id) for change in changes] == [
        ("ObjectCreated:Put", first),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", marker),
        ("ObjectRemoved:Delete", first),
    ]


def test_the_counters_know_current_and_other_versions(s3_server, versioned):
    storage = s3_server._server.storage
    for content in (b"1", b"22", b"333"):
        put(versioned, content)
    assert usage.of_bucket(storage, BUCKET) == usage.Usage(1, 3, 2, 3, 0, 0)
    versioned.delete_object(Bucket=BUCKET, Key="k")
    assert usage.of_bucket(storage, BUCKET) == usage.Usage(0, 0, 3, 6, 0, 0)
    assert usage.of_bucket(storage, BUCKET) == usage.recounted(storage, BUCKET)
