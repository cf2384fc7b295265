"""Quotas of buckets: bytes, objects, parts; exact to the last one, never in the way of what frees space."""

from __future__ import annotations

import socket

from quota_callers import upload, used
from s3_callers import BUCKET, MIB, refusal_of, send, signed_headers
from versioned_buckets import set_versioning

from s3portal.server.storage import usage


class TestBytes:
    def test_up_to_the_last_byte_and_not_one_more(self, s3_server, s3, limit):
        limit(max_bytes=10)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1234567890")
        refused = refusal_of(s3.put_object, Bucket=BUCKET, Key="b", Body=b"1")
        assert (refused.status, refused.code) == (400, "QuotaExceeded")
        assert refused.error["Message"] == "Bucket quota exceeded: storage limit reached"
        assert refused.error["BucketName"] == BUCKET
        # What takes no space is no matter of bytes.
        s3.put_object(Bucket=BUCKET, Key="empty")
        assert used(s3_server) == 10

    def test_replacing_counts_the_difference(self, s3_server, s3, limit):
        limit(max_bytes=10)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345678")
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"1234567890")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"12345678901").code == "QuotaExceeded"
        assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"1234567890"

    def test_a_copy_counts_and_may_replace(self, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345678")
        limit(max_bytes=10)
        copy = {"Bucket": BUCKET, "CopySource": f"{BUCKET}/k"}
        assert refusal_of(s3.copy_object, Key="copy", **copy).code == "QuotaExceeded"
        s3.copy_object(Key="k", MetadataDirective="REPLACE", Metadata={"a": "b"}, **copy)

    def test_a_form_is_refused_too(self, s3_server, s3, limit):
        limit(max_bytes=3)
        form = s3.generate_presigned_post(BUCKET, "k")
        lines = [
            f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'
            for n, v in form["fields"].items()
        ]
        body = "".join(lines) + '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1234\r\n--x--\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status, _, answer = send(s3_server, "POST", f"/{BUCKET}", kind, body.encode())
        assert status == 400
        assert b"<Code>QuotaExceeded</Code>" in answer
        assert b"<BucketName>test-bucket</BucketName>" in answer

    def test_versions_count_and_deleting_them_makes_room(self, s3, limit):
        set_versioning(s3, "Enabled")
        limit(max_bytes=10)
        first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")["VersionId"]
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"67890")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"1").code == "QuotaExceeded"
        # A delete marker takes nothing, and frees nothing.
        s3.delete_object(Bucket=BUCKET, Key="k")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"1").code == "QuotaExceeded"
        s3.delete_object(Bucket=BUCKET, Key="k", VersionId=first)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"12345")

    def test_the_null_version_is_replaced_where_versioning_is_suspended(self, s3, limit):
        limit(max_bytes=10)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"1234567890")
        set_versioning(s3, "Enabled")
        set_versioning(s3, "Suspended")
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"0987654321")

    def test_a_quota_below_what_is_there_refuses_growth_alone(self, s3_server, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100)
        limit(max_bytes=10, max_objects=0)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 99)
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x" * 100).code == "QuotaExceeded"
        s3.delete_object(Bucket=BUCKET, Key="k")
        assert used(s3_server) == 0

    def test_no_byte_is_taken_of_what_cannot_fit(self, s3_server, s3, limit):
        limit(max_bytes=MIB)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * MIB)
        path, size = f"/{BUCKET}/large", f"{MIB}"
        for target, expected in ((path, 400), (f"/{BUCKET}/k", 100)):
            headers = signed_headers(
                s3_server,
                "PUT",
                s3_server.endpoint + target,
                {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Content-Length": size},
            )
            headers |= {"Expect": "100-continue"}
            assert first_status(s3_server, target, headers) == expected

    def test_without_a_limit_there_is_none(self, s3, limit):
        limit(max_bytes=1)
        limit()
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"123")


def first_status(server, path, headers):
    """Returns the status of the first answer to the head of a PUT."""
    head = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as sock:
        sock.sendall("\r\n".join(head).encode())
        return int(sock.recv(64).split()[1])


class TestObjects:
    def test_as_many_as_there_may_be(self, s3, limit):
        limit(max_objects=2)
        for key in ("a", "b", "a"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
        refused = refusal_of(s3.put_object, Bucket=BUCKET, Key="c")
        assert refused.error["Message"] == "Bucket quota exceeded: object limit reached"
        s3.delete_object(Bucket=BUCKET, Key="a")
        s3.put_object(Bucket=BUCKET, Key="c")

    def test_versions_count_and_delete_markers_do_not(self, s3, limit):
        set_versioning(s3, "Enabled")
        limit(max_objects=2)
        s3.put_object(Bucket=BUCKET, Key="k")
        s3.delete_object(Bucket=BUCKET, Key="k")
        s3.put_object(Bucket=BUCKET, Key="k")
        assert refusal_of(s3.put_object, Bucket=BUCKET, Key="k").code == "QuotaExceeded"


class TestUploads:
    def test_completion_decides_and_the_upload_stays(self, s3_server, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="there", Body=b"x" * 60)
        begun = upload(s3, "k", b"y" * 60)
        limit(max_bytes=100)
        refused = refusal_of(s3.complete_multipart_upload, **begun)
        assert (refused.status, refused.code) == (400, "QuotaExceeded")
        s3.delete_object(Bucket=BUCKET, Key="there")
        s3.complete_multipart_upload(**begun)
        assert used(s3_server) == 60

    def test_a_full_buckets_object_can_be_replaced_in_parts(self, s3_server, s3, limit):
        limit(max_bytes=100)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100)
        s3.complete_multipart_upload(**upload(s3, "k", b"y" * 100))
        assert used(s3_server) == 100

    def test_parts_have_an_allowance_of_their_own(self, s3_server, s3, limit):
        limit(max_bytes=100)
        s3.put_object(Bucket=BUCKET, Key="there", Body=b"x" * 100)
        begun = upload(s3, "k", b"y" * 70)
        target = {name: begun[name] for name in ("Bucket", "Key", "UploadId")}
        part = {**target, "PartNumber": 2}
        assert refusal_of(s3.upload_part, **part, Body=b"z" * 31).code == "QuotaExceeded"
        s3.upload_part(**part, Body=b"z" * 30)
        # In place of the same part, only the difference counts; a second upload has no allowance of its own.
        s3.upload_part(**part, Body=b"w" * 30)
        other = s3.create_multipart_upload(Bucket=BUCKET, Key="other")["UploadId"]
        more = {"Bucket": BUCKET, "Key": "other", "UploadId": other, "PartNumber": 1, "Body": b"1"}
        assert refusal_of(s3.upload_part, **more).code == "QuotaExceeded"
        s3.abort_multipart_upload(**target)
        s3.upload_part(**more)
        assert usage.of_bucket(s3_server._server.storage, BUCKET).upload_bytes == 1

    def test_a_copied_part_counts(self, s3, limit):
        s3.put_object(Bucket=BUCKET, Key="source", Body=b"x" * 60)
        limit(max_bytes=100)
        begun = upload(s3, "k", b"y" * 50)
        target = {name: begun[name] for name in ("Bucket", "Key", "UploadId")}
        copy = {**target, "PartNumber": 2, "CopySource": f"{BUCKET}/source"}
        assert refusal_of(s3.upload_part_copy, **copy).code == "QuotaExceeded"
