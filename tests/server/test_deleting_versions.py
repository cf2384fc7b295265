"""DeleteObjects with versions and markers, and deletions under conditions."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest
from s3_callers import BUCKET, client_of, code_of, content_md5, refusal_of, signed_send
from versioned_buckets import listed, set_versioning, version_ids


@pytest.fixture
def versioned(s3):
    set_versioning(s3, "Enabled")
    return s3


def put(s3, content=b"x", key="k"):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=content)


class TestManyAtOnce:
    def test_each_is_told_what_became_of_it(self, versioned):
        first, second = (put(versioned)["VersionId"] for _ in range(2))
        marker = versioned.delete_object(Bucket=BUCKET, Key="k")["VersionId"]
        asked = [
            {"Key": "k", "VersionId": first},
            {"Key": "k", "VersionId": marker},
            {"Key": "other"},
            {"Key": "k", "VersionId": "0" * 32},
        ]
        deleted = versioned.delete_objects(Bucket=BUCKET, Delete={"Objects": asked})["Deleted"]
        made = deleted[2].pop("DeleteMarkerVersionId")
        assert deleted == [
            {"Key": "k", "VersionId": first},
            {"Key": "k", "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker},
            {"Key": "other", "DeleteMarker": True},
            {"Key": "k", "VersionId": "0" * 32},
        ]
        assert listed(versioned) == [("k", second, False, True), ("other", made, True, True)]

    def test_a_thousand_versions_of_one_key(self, versioned):
        ids = [put(versioned)["VersionId"] for _ in range(50)]
        asked = [{"Key": "k", "VersionId": version_id} for version_id in ids]
        asked += [{"Key": f"{number}"} for number in range(950)]
        answer = versioned.delete_objects(Bucket=BUCKET, Delete={"Objects": asked})
        assert len(answer["Deleted"]) == 1000
        assert version_ids(versioned, "k") == []
        assert len(listed(versioned)) == 950

    def test_quiet_tells_only_what_went_wrong(self, versioned):
        version_id = put(versioned)["VersionId"]
        asked = [{"Key": "k", "VersionId": version_id}, {"Key": "k", "VersionId": "nonsense"}]
        answer = versioned.delete_objects(Bucket=BUCKET, Delete={"Objects": asked, "Quiet": True})
        assert "Deleted" not in answer
        assert [(e["VersionId"], e["Code"]) for e in answer["Errors"]] == [("nonsense", "NoSuchVersion")]
        assert listed(versioned) == []

    def test_conditions_are_of_each(self, versioned):
        etag = put(versioned, b"a", "a")["ETag"]
        put(versioned, b"bb", "b")
        asked = [
            {"Key": "a", "ETag": etag},
            {"Key": "b", "ETag": etag},
            {"Key": "c", "ETag": "*"},
            {"Key": "b", "Size": 1},
            {"Key": "b", "LastModifiedTime": datetime(2001, 1, 1, tzinfo=timezone.utc)},
        ]
        answer = versioned.delete_objects(Bucket=BUCKET, Delete={"Objects": asked})
        assert [entry["Key"] for entry in answer["Deleted"]] == ["a"]
        assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [
            ("b", "PreconditionFailed"),
            ("c", "NoSuchKey"),
            ("b", "PreconditionFailed"),
            ("b", "PreconditionFailed"),
        ]
        modified_at = versioned.head_object(Bucket=BUCKET, Key="b")["LastModified"]
        asked = [{"Key": "b", "Size": 2, "LastModifiedTime": modified_at}]
        assert "Errors" not in versioned.delete_objects(Bucket=BUCKET, Delete={"Objects": asked})

    @pytest.mark.parametrize("text", ["2001-01-01T00:00:00Z", "2001-01-01T00:00:00.000Z", "soon"])
    def test_times_are_read_in_either_form(self, s3_server, s3, text):
        put(s3)
        body = f"<Delete><Object><Key>k</Key><LastModifiedTime>{text}</LastModifiedTime></Object></Delete>"
        status, _, answer = signed_send(
            s3_server, "POST", f"/{BUCKET}?delete", content_md5(body.encode()), body.encode()
        )
        assert (status, b"PreconditionFailed" in answer) == ((400, False) if text == "soon" else (200, True))


class TestConditions:
    @pytest.mark.parametrize("status", ["Never", "Enabled", "Suspended"])
    def test_a_deletion_is_of_what_the_caller_knows(self, s3, status):
        if status != "Never":
            set_versioning(s3, status)
        etag = put(s3)["ETag"]
        modified_at = s3.head_object(Bucket=BUCKET, Key="k")["LastModified"]
        for wrong in (
            {"IfMatch": '"other"'},
            {"IfMatchSize": 2},
            {"IfMatchLastModifiedTime": modified_at + timedelta(seconds=1)},
            {"IfMatch": etag, "IfMatchSize": 2},
        ):
            refusal = refusal_of(s3.delete_object, Bucket=BUCKET, Key="k", **wrong)
            assert (refusal.status, refusal.code) == (412, "PreconditionFailed")
        right = {"IfMatch": etag, "IfMatchSize": 1, "IfMatchLastModifiedTime": modified_at}
        s3.delete_object(Bucket=BUCKET, Key="k", **right)
        assert refusal_of(s3.head_object, Bucket=BUCKET, Key="k").status == 404

    def test_what_is_not_there_has_no_etag_but_any_time_and_size(self, s3):
        for etag in ("*", '"x"'):
            assert code_of(s3.delete_object, Bucket=BUCKET, Key="k", IfMatch=etag) == "NoSuchKey"
        s3.delete_object(Bucket=BUCKET, Key="k", IfMatchSize=5)
        s3.delete_object(
            Bucket=BUCKET, Key="k", IfMatchLastModifiedTime=datetime(2001, 1, 1, tzinfo=timezone.utc)
        )

    def test_a_marker_is_not_there_either(self, versioned):
        put(versioned)
        versioned.delete_object(Bucket=BUCKET, Key="k")
        for etag in ("*", '"x"'):
            refusal = refusal_of(versioned.delete_object, Bucket=BUCKET, Key="k", IfMatch=etag)
            assert (refusal.status, refusal.code) == (412, "PreconditionFailed")
        assert len(listed(versioned)) == 2

    def test_of_a_version_by_its_id_the_condition_is_its_own(self, versioned):
        first, second = put(versioned, b"1"), put(versioned, b"2")
        named = {"Bucket": BUCKET, "Key": "k", "VersionId": first["VersionId"]}
        assert code_of(versioned.delete_object, **named, IfMatch=second["ETag"]) == "PreconditionFailed"
        versioned.delete_object(**named, IfMatch=first["ETag"])
        assert code_of(versioned.delete_object, **named, IfMatch="*") == "NoSuchVersion"

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("x-amz-if-match-size", "-1"),
            ("x-amz-if-match-size", "1.5"),
            ("x-amz-if-match-last-modified-time", "x"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, s3_server, s3, header, value):
        put(s3)
        status, _, body = signed_send(s3_server, "DELETE", f"/{BUCKET}/k", {header: value})
        assert (status, b"InvalidArgument" in body) == (400, True)
        s3.head_object(Bucket=BUCKET, Key="k")


def race(server, call, count=8):
    """Lets as many clients make a call at once; returns how many were let, and the codes of the others."""
    outcomes, codes, gate = [], [], threading.Barrier(count)

    def run(number):
        client = client_of(server)
        gate.wait()
        try:
            outcomes.append(call(client, number))
        except client.exceptions.ClientError as refused:
            codes.append(refused.response["Error"]["Code"])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes, codes


@pytest.mark.parametrize("status", ["Never", "Enabled", "Suspended"])
class TestRaces:
    @pytest.fixture(autouse=True)
    def versioning(self, s3, status):
        if status != "Never":
            set_versioning(s3, status)

    def uploads(self, s3, count=8):
        made = []
        for _ in range(count):
            upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
            etag = s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload_id, PartNumber=1, Body=b"x")["ETag"]
            parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
            made.append({"Bucket": BUCKET, "Key": "k", "UploadId": upload_id, "MultipartUpload": parts})
        return made

    @pytest.mark.parametrize("how", ["put", "copy", "complete"])
    @pytest.mark.parametrize("condition", ["new", "known"])
    def test_of_many_conditional_writers_exactly_one_wins(self, s3_server, s3, how, condition):
        put(s3, b"source", "source")
        uploads = self.uploads(s3)
        given = {"IfNoneMatch": "*"}
        if condition == "known":
            given = {"IfMatch": put(s3, b"what they all know")["ETag"]}
        calls = {
            "put": lambda s3, number: s3.put_object(Bucket=BUCKET, Key="k", Body=b"%d" % number, **given),
            "copy": lambda s3, number: s3.copy_object(
                Bucket=BUCKET, Key="k", CopySource=f"{BUCKET}/source", **given
            ),
            "complete": lambda s3, number: s3.complete_multipart_upload(**uploads[number], **given),
        }
        winners, codes = race(s3_server, calls[how])
        assert (len(winners), codes) == (1, ["PreconditionFailed"] * 7)

    def test_of_many_conditional_deletions_exactly_one_wins(self, s3_server, s3, status):
        etag = put(s3)["ETag"]
        winners, codes = race(s3_server, lambda s3, _: s3.delete_object(Bucket=BUCKET, Key="k", IfMatch=etag))
        expected = "NoSuchKey" if status == "Never" else "PreconditionFailed"
        assert (len(winners), codes) == (1, [expected] * 7)

    def test_no_writer_is_lost_and_the_order_is_that_of_the_changes(self, s3_server, s3, status):
        def write(client, number):
            if number % 4 == 3:
                return client.delete_object(Bucket=BUCKET, Key="k").get("VersionId")
            return put(client, b"%d" % number).get("VersionId")

        made, codes = race(s3_server, write, count=16)
        assert codes == []
        entries = s3.list_object_versions(Bucket=BUCKET)
        both = entries.get("Versions", []) + entries.get("DeleteMarkers", [])
        if status == "Enabled":
            assert sorted(entry["VersionId"] for entry in both) == sorted(made)
            in_order = sorted(both, key=lambda entry: entry["VersionId"])
            times = [entry["LastModified"] for entry in in_order]
            assert times == sorted(times)
        else:
            assert len(both) <= 1
        assert sum(entry["IsLatest"] for entry in both) == len(both[:1])
