"""Objects copied and deleted, one by one and many at once."""

from __future__ import annotations

import base64
import zlib

import pytest
from s3_callers import BUCKET, MIB, client_of, code_of, content_md5, signed_send
from small_objects import CONTENT, body_of


@pytest.fixture
def ten(s3):
    """An object of ten bytes."""
    s3.put_object(Bucket=BUCKET, Key="ten", Body=CONTENT)
    return {"Bucket": BUCKET, "Key": "ten"}


class TestCopies:
    source = {"Bucket": BUCKET, "Key": "ten"}

    def test_a_copy_has_the_bytes_and_the_metadata(self, s3):
        s3.put_object(**self.source, Body=CONTENT, Metadata={"a": "1"}, ContentType="text/plain")
        s3.copy_object(Bucket=BUCKET, Key="copy é+ä", CopySource=self.source)
        copy = s3.get_object(Bucket=BUCKET, Key="copy é+ä")
        assert (body_of(copy), copy["Metadata"], copy["ContentType"]) == (CONTENT, {"a": "1"}, "text/plain")
        s3.delete_object(**self.source)
        assert body_of(s3.get_object(Bucket=BUCKET, Key="copy é+ä")) == CONTENT

    def test_replaced_metadata(self, s3, ten):
        s3.copy_object(
            **ten,
            CopySource=self.source,
            MetadataDirective="REPLACE",
            Metadata={"b": "2"},
            ContentType="text/csv",
        )
        head = s3.head_object(**ten)
        assert (head["Metadata"], head["ContentType"]) == ({"b": "2"}, "text/csv")

    def test_a_copy_onto_itself_that_changes_nothing_is_refused(self, s3, ten):
        assert code_of(s3.copy_object, **ten, CopySource=self.source) == "InvalidRequest"

    def test_a_source_that_is_missing_or_does_not_match(self, s3, ten):
        target = {"Bucket": BUCKET, "Key": "copy"}
        assert code_of(s3.copy_object, **target, CopySource={"Bucket": BUCKET, "Key": "no"}) == "NoSuchKey"
        wrong = {"CopySource": self.source, "CopySourceIfMatch": '"other"'}
        assert code_of(s3.copy_object, **target, **wrong) == "PreconditionFailed"
        unchanged = {"CopySource": self.source, "CopySourceIfNoneMatch": s3.head_object(**ten)["ETag"]}
        assert code_of(s3.copy_object, **target, **unchanged) == "PreconditionFailed"

    def test_the_source_must_be_readable_by_the_caller(self, s3_server, s3):
        admin = client_of(s3_server, "admin")
        admin.create_bucket(Bucket="private-bucket")
        admin.put_object(Bucket="private-bucket", Key="secret", Body=b"x")
        source = {"Bucket": "private-bucket", "Key": "secret"}
        assert code_of(s3.copy_object, Bucket=BUCKET, Key="stolen", CopySource=source) == "AccessDenied"


class TestDeleting:
    def test_deleting_what_is_not_there_is_no_error(self, s3):
        s3.delete_object(Bucket=BUCKET, Key="no-such-key")

    def test_a_thousand_at_once(self, s3):
        keys = [f"k{number:04d}" for number in range(40)]
        for key in keys:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        listed = [{"Key": key} for key in keys] + [{"Key": f"no{number}"} for number in range(960)]
        answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": listed})
        assert len(answer["Deleted"]) == 1000
        assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
        too_many = {"Objects": [*listed, {"Key": "one more"}]}
        assert code_of(s3.delete_objects, Bucket=BUCKET, Delete=too_many) == "MalformedXML"

    def test_quiet_says_nothing_and_version_null_is_the_object(self, s3, ten):
        delete = {"Objects": [{"Key": "ten", "VersionId": "null"}], "Quiet": True}
        assert "Deleted" not in s3.delete_objects(Bucket=BUCKET, Delete=delete)
        assert code_of(s3.head_object, **ten) == "404"

    def test_another_version_is_an_error_of_its_own(self, s3, ten):
        delete = {"Objects": [{"Key": "ten", "VersionId": "1234"}]}
        errors = s3.delete_objects(Bucket=BUCKET, Delete=delete)["Errors"]
        assert [(error["Key"], error["Code"]) for error in errors] == [("ten", "NoSuchVersion")]
        assert body_of(s3.get_object(**ten)) == CONTENT

    def test_a_damaged_list_deletes_nothing(self, s3_server, s3, ten):
        body = b"<Delete><Object><Key>ten</Key></Object></Delete>"
        wrong_md5 = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
        status, _, answer = signed_send(s3_server, "POST", f"/{BUCKET}?delete", wrong_md5, body)
        assert (status, b"BadDigest" in answer) == (400, True)
        assert body_of(s3.get_object(**ten)) == CONTENT

    def test_a_list_needs_a_digest_of_its_own(self, s3_server, s3, ten):
        """Also where it is signed, as S3 says."""
        body = b"<Delete><Object><Key>ten</Key></Object></Delete>"
        status, _, answer = signed_send(s3_server, "POST", f"/{BUCKET}?delete", body=body)
        assert (status, b"<Code>InvalidRequest</Code>" in answer, b"Content-MD5" in answer) == (
            400,
            True,
            True,
        )
        assert body_of(s3.get_object(**ten)) == CONTENT
        for digest in (
            content_md5(body),
            {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()},
        ):
            assert signed_send(s3_server, "POST", f"/{BUCKET}?delete", digest, body)[0] == 200

    def test_the_file_is_gone_too(self, s3, ten, tmp_path):
        def files():
            return [path for path in (tmp_path / "s3" / "blobs").rglob("*") if path.is_file()]

        s3.put_object(**ten, Body=b"x" * MIB)
        assert len(files()) == 1
        s3.delete_object(**ten)
        assert files() == []
