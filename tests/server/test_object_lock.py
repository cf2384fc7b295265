"""Object Lock: what holds a version, how it is asked for, and what may be done all the same."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from s3_callers import BUCKET, client_allowed, client_of, code_of, refusal_of, send, signed_headers

from s3portal.server.api.objects.locks import moment_of
from s3portal.server.bucket_settings.object_lock import ObjectLockConfiguration
from s3portal.server.wire.xml_documents import timestamp

OBJECT = {"Bucket": BUCKET, "Key": "k"}
DAY = timedelta(days=1)
RULE = {
    "ObjectLockEnabled": "Enabled",
    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
}


def in_days(days):
    return (datetime.now(timezone.utc) + days * DAY).replace(microsecond=0)


@pytest.fixture
def locking(s3):
    """The bucket of the tests, with Object Lock and no rule."""
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    return s3


@pytest.fixture
def version_id(locking):
    return locking.put_object(**OBJECT, Body=b"x")["VersionId"]


def retain(s3, mode, days, **options):
    return s3.put_object_retention(
        **OBJECT, Retention={"Mode": mode, "RetainUntilDate": in_days(days)}, **options
    )


@given(st.text(st.sampled_from("0123456789-:.TZ+ "), max_size=40) | st.text(max_size=40))
@example("9999-12-31T23:59:59-14:00")
@example("0001-01-01T00:00:00+14:00")
def test_any_text_is_a_moment_that_can_be_shown_or_none(text):
    moment_ms = moment_of(text)
    if moment_ms is not None:
        assert moment_of(timestamp(moment_ms)) == moment_ms


@pytest.mark.parametrize(
    "text", ["2030-01-02T03:04:05.6789Z", "2030-01-02T03:04:05.678", "2030-01-02T04:04:05.678901234+01:00"]
)
def test_a_moment_in_any_form(text):
    expected = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
    assert moment_of(text) == expected.timestamp() * 1000


class TestConfiguration:
    def test_a_bucket_may_be_made_with_it(self, s3_server):
        admin = client_of(s3_server, "admin")
        admin.create_bucket(Bucket="born-locking", ObjectLockEnabledForBucket=True)
        answer = admin.get_object_lock_configuration(Bucket="born-locking")
        assert answer["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": in_days(1)}
        made = admin.put_object(Bucket="born-locking", Key="k", Body=b"x", **lock)
        named = {"Bucket": "born-locking", "Key": "k", "VersionId": made["VersionId"]}
        assert code_of(admin.delete_object, **named) == "AccessDenied"
        suspended = {"Bucket": "born-locking", "VersioningConfiguration": {"Status": "Suspended"}}
        assert code_of(admin.put_bucket_versioning, **suspended) == "InvalidBucketState"

    def test_it_is_read_as_it_was_put(self, locking):
        answer = locking.get_object_lock_configuration(Bucket=BUCKET)
        assert answer["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
        for rule in ({"Mode": "COMPLIANCE", "Years": 3}, {"Mode": "GOVERNANCE", "Days": 1}):
            wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
            locking.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=wanted)
            answer = locking.get_object_lock_configuration(Bucket=BUCKET)
            assert answer["ObjectLockConfiguration"] == wanted

    def test_a_bucket_without_one(self, s3):
        refused = refusal_of(s3.get_object_lock_configuration, Bucket=BUCKET)
        assert (refused.status, refused.code) == (404, "ObjectLockConfigurationNotFoundError")

    def test_it_needs_a_bucket_that_keeps_versions(self, s3):
        refused = refusal_of(s3.put_object_lock_configuration, Bucket=BUCKET, ObjectLockConfiguration=RULE)
        assert (refused.status, refused.code) == (409, "InvalidBucketState")

    @pytest.mark.parametrize(
        ("retention", "code"),
        [
            ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
            ({"Mode": "GOVERNANCE"}, "MalformedXML"),
            ({"Mode": "abc", "Days": 1}, "MalformedXML"),
            ({"Mode": "governance", "Days": 1}, "MalformedXML"),
            ({"Mode": "GOVERNANCE", "Days": 0}, "InvalidRetentionPeriod"),
            ({"Mode": "GOVERNANCE", "Years": -1}, "InvalidRetentionPeriod"),
            ({"Mode": "GOVERNANCE", "Days": 36501}, "InvalidRetentionPeriod"),
            ({"Mode": "GOVERNANCE", "Years": 101}, "InvalidRetentionPeriod"),
        ],
    )
    def test_a_retention_that_makes_no_sense(self, locking, retention, code):
        wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
        call = locking.put_object_lock_configuration
        assert code_of(call, Bucket=BUCKET, ObjectLockConfiguration=wanted) == code

    def test_enabled_is_the_only_state(self, locking):
        wanted = {"ObjectLockEnabled": "Disabled"}
        call = locking.put_object_lock_configuration
        assert code_of(call, Bucket=BUCKET, ObjectLockConfiguration=wanted) == "MalformedXML"

    @pytest.mark.parametrize(
        ("configuration", "expected"),
        [
            (ObjectLockConfiguration("GOVERNANCE", days=3), datetime(2024, 3, 3, 12, tzinfo=timezone.utc)),
            (ObjectLockConfiguration("GOVERNANCE", years=1), datetime(2025, 2, 28, 12, tzinfo=timezone.utc)),
            (ObjectLockConfiguration("GOVERNANCE", years=4), datetime(2028, 2, 29, 12, tzinfo=timezone.utc)),
        ],
    )
    def test_years_are_those_of_the_calendar(self, configuration, expected):
        leap_day_ms = int(datetime(2024, 2, 29, 12, tzinfo=timezone.utc).timestamp() * 1000)
        assert configuration.retained_until_ms(leap_day_ms) == expected.timestamp() * 1000


class TestNewObjects:
    def test_they_get_what_the_bucket_says(self, locking):
        locking.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=RULE)
        locking.put_object(**OBJECT, Body=b"x")
        head = locking.head_object(**OBJECT)
        assert head["ObjectLockMode"] == "GOVERNANCE"
        assert abs(head["ObjectLockRetainUntilDate"] - in_days(1)) < timedelta(minutes=10)

    def test_their_own_request_comes_first(self, locking):
        locking.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=RULE)
        until = in_days(5)
        lock = {
            "ObjectLockMode": "COMPLIANCE",
            "ObjectLockRetainUntilDate": until,
            "ObjectLockLegalHoldStatus": "ON",
        }
        locking.put_object(**OBJECT, Body=b"x", **lock)
        locking.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/k", **lock)
        upload_id = locking.create_multipart_upload(Bucket=BUCKET, Key="parts", **lock)["UploadId"]
        target = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload_id}
        etag = locking.upload_part(**target, PartNumber=1, Body=b"x")["ETag"]
        listed = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        locking.complete_multipart_upload(**target, MultipartUpload=listed)
        for key in ("k", "copy", "parts"):
            for answer in (
                locking.head_object(Bucket=BUCKET, Key=key),
                locking.get_object(Bucket=BUCKET, Key=key),
            ):
                assert {name: answer[name] for name in lock} == lock

    def test_a_copy_takes_no_lock_along(self, locking):
        locking.put_object(**OBJECT, Body=b"x", ObjectLockLegalHoldStatus="ON")
        locking.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/k")
        assert "ObjectLockLegalHoldStatus" not in locking.head_object(Bucket=BUCKET, Key="copy")

    def test_a_bucket_without_object_lock_locks_nothing(self, s3):
        lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": in_days(1)}
        assert code_of(s3.put_object, **OBJECT, Body=b"x", **lock) == "InvalidRequest"
        assert code_of(s3.put_object, **OBJECT, Body=b"x", ObjectLockLegalHoldStatus="ON") == "InvalidRequest"

    @pytest.mark.parametrize(
        "lock",
        [
            {"ObjectLockMode": "GOVERNANCE"},
            {"ObjectLockRetainUntilDate": in_days(1)},
            {"ObjectLockMode": "STRICT", "ObjectLockRetainUntilDate": in_days(1)},
            {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": in_days(-1)},
            {"ObjectLockLegalHoldStatus": "MAYBE"},
        ],
    )
    def test_a_lock_that_makes_no_sense(self, locking, lock):
        assert code_of(locking.put_object, **OBJECT, Body=b"x", **lock) == "InvalidArgument"

    @pytest.mark.parametrize("until", ["soon", "2030-13-01T00:00:00Z", "9" * 100])
    def test_a_date_that_is_none(self, s3_server, locking, until):
        lock = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": until}
        assert put_plainly(s3_server, lock | {"content-md5": MD5_OF_X}) == (400, "InvalidArgument")

    def test_a_locked_object_says_what_it_contains(self, s3_server, locking):
        lock = {"x-amz-object-lock-legal-hold": "ON"}
        assert put_plainly(s3_server, lock) == (400, "InvalidRequest")
        assert put_plainly(s3_server, lock | {"content-md5": MD5_OF_X}) == (200, "")
        assert put_plainly(s3_server, {}) == (200, "")
        locking.put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration=RULE)
        assert put_plainly(s3_server, {}) == (400, "InvalidRequest")
        upload_id = locking.create_multipart_upload(Bucket=BUCKET, Key="plain")["UploadId"]
        part = f"?partNumber=1&uploadId={upload_id}"
        assert put_plainly(s3_server, {}, part) == (400, "InvalidRequest")
        assert put_plainly(s3_server, {"content-md5": MD5_OF_X}, part) == (200, "")


MD5_OF_X = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()


def put_plainly(server, headers, query=""):
    """Puts an object without the checksum that boto3 always sends; returns status and code."""
    path = f"/{BUCKET}/plain{query}"
    signed = signed_headers(server, "PUT", server.endpoint + path, headers, b"x")
    status, _, body = send(server, "PUT", path, signed, b"x")
    return status, body.decode().partition("<Code>")[2].partition("</Code>")[0]


class TestRetention:
    def test_it_is_read_as_it_was_put(self, locking, version_id):
        until = in_days(3)
        locking.put_object_retention(
            **OBJECT, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}, VersionId=version_id
        )
        for options in ({}, {"VersionId": version_id}):
            found = locking.get_object_retention(**OBJECT, **options)["Retention"]
            assert found == {"Mode": "GOVERNANCE", "RetainUntilDate": until}

    def test_an_object_without_one(self, locking, version_id):
        for call in (locking.get_object_retention, locking.get_object_legal_hold):
            refused = refusal_of(call, **OBJECT)
            assert (refused.status, refused.code) == (404, "NoSuchObjectLockConfiguration")

    def test_a_bucket_without_object_lock(self, s3):
        s3.put_object(**OBJECT, Body=b"x")
        assert code_of(s3.get_object_retention, **OBJECT) == "InvalidRequest"
        assert code_of(retain, s3=s3, mode="GOVERNANCE", days=1) == "InvalidRequest"
        hold = {"LegalHold": {"Status": "ON"}}
        assert code_of(s3.put_object_legal_hold, **OBJECT, **hold) == "InvalidRequest"
        assert code_of(s3.get_object_legal_hold, **OBJECT) == "InvalidRequest"

    @pytest.mark.parametrize(
        ("retention", "code"),
        [
            ({"Mode": "governance", "RetainUntilDate": in_days(1)}, "MalformedXML"),
            ({"Mode": "abc", "RetainUntilDate": in_days(1)}, "MalformedXML"),
            ({"Mode": "GOVERNANCE"}, "MalformedXML"),
            ({"RetainUntilDate": in_days(1)}, "MalformedXML"),
            ({"Mode": "GOVERNANCE", "RetainUntilDate": in_days(-1)}, "InvalidArgument"),
        ],
    )
    def test_one_that_makes_no_sense(self, locking, version_id, retention, code):
        assert code_of(locking.put_object_retention, **OBJECT, Retention=retention) == code

    def test_governance_becomes_longer_and_only_by_bypass_shorter_or_none(self, locking, version_id):
        retain(locking, "GOVERNANCE", 2)
        retain(locking, "GOVERNANCE", 3)
        assert code_of(retain, s3=locking, mode="GOVERNANCE", days=1) == "AccessDenied"
        assert code_of(retain, s3=locking, mode="COMPLIANCE", days=4) == "AccessDenied"
        assert code_of(locking.put_object_retention, **OBJECT, Retention={}) == "AccessDenied"
        retain(locking, "GOVERNANCE", 1, BypassGovernanceRetention=True)
        locking.put_object_retention(**OBJECT, Retention={}, BypassGovernanceRetention=True)
        assert code_of(locking.get_object_retention, **OBJECT) == "NoSuchObjectLockConfiguration"

    def test_compliance_becomes_longer_and_nothing_else(self, locking, version_id):
        retain(locking, "COMPLIANCE", 2)
        retain(locking, "COMPLIANCE", 3)
        bypass = {"BypassGovernanceRetention": True}
        assert code_of(retain, s3=locking, mode="COMPLIANCE", days=1, **bypass) == "AccessDenied"
        assert code_of(retain, s3=locking, mode="GOVERNANCE", days=9, **bypass) == "AccessDenied"
        assert code_of(locking.put_object_retention, **OBJECT, Retention={}, **bypass) == "AccessDenied"


class TestDeletion:
    def test_a_retained_version_stays_and_a_marker_hides_it(self, locking, version_id):
        retain(locking, "COMPLIANCE", 1)
        named = {**OBJECT, "VersionId": version_id}
        assert code_of(locking.delete_object, **named) == "AccessDenied"
        assert code_of(locking.delete_object, **named, BypassGovernanceRetention=True) == "AccessDenied"
        marker = locking.delete_object(**OBJECT)
        assert marker["DeleteMarker"] is True
        assert locking.get_object(**named)["Body"].read() == b"x"
        locking.delete_object(**OBJECT, VersionId=marker["VersionId"])
        assert locking.get_object(**OBJECT)["Body"].read() == b"x"

    def test_governance_gives_way_to_who_may_and_says_so(self, locking, version_id):
        retain(locking, "GOVERNANCE", 1)
        named = {**OBJECT, "VersionId": version_id}
        assert code_of(locking.delete_object, **named) == "AccessDenied"
        locking.delete_object(**named, BypassGovernanceRetention=True)
        assert code_of(locking.head_object, **named) == "404"

    def test_a_legal_hold_gives_way_to_nobody(self, locking, version_id):
        named = {**OBJECT, "VersionId": version_id}
        locking.put_object_legal_hold(**OBJECT, LegalHold={"Status": "ON"})
        assert locking.get_object_legal_hold(**OBJECT)["LegalHold"] == {"Status": "ON"}
        assert code_of(locking.delete_object, **named, BypassGovernanceRetention=True) == "AccessDenied"
        locking.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
        assert locking.get_object_legal_hold(**OBJECT)["LegalHold"] == {"Status": "OFF"}
        locking.delete_object(**named)

    def test_many_at_once_are_refused_one_by_one(self, locking, version_id):
        retain(locking, "GOVERNANCE", 1)
        free = locking.put_object(Bucket=BUCKET, Key="free", Body=b"y")["VersionId"]
        wanted = {"Objects": [{"Key": "k", "VersionId": version_id}, {"Key": "free", "VersionId": free}]}
        answer = locking.delete_objects(Bucket=BUCKET, Delete=wanted)
        assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [("k", "AccessDenied")]
        assert [d["Key"] for d in answer["Deleted"]] == ["free"]
        answer = locking.delete_objects(Bucket=BUCKET, Delete=wanted, BypassGovernanceRetention=True)
        assert "Errors" not in answer

    def test_a_hold_of_another_word_is_malformed(self, locking, version_id):
        wrong = {"LegalHold": {"Status": "abc"}}
        assert code_of(locking.put_object_legal_hold, **OBJECT, **wrong) == "MalformedXML"

    def test_a_marker_cannot_be_locked(self, locking, version_id):
        marker_id = locking.delete_object(**OBJECT)["VersionId"]
        refused = {**OBJECT, "VersionId": marker_id, "LegalHold": {"Status": "ON"}}
        assert code_of(locking.put_object_legal_hold, **refused) == "MethodNotAllowed"


def test_bypassing_is_a_permission_of_its_own(s3_server, locking, version_id):
    retain(locking, "GOVERNANCE", 1)
    narrow = client_allowed(s3_server, "s3:DeleteObject*", "s3:PutObject*")
    named = {**OBJECT, "VersionId": version_id}
    assert code_of(narrow.delete_object, **named, BypassGovernanceRetention=True) == "AccessDenied"
    assert (
        code_of(retain, s3=narrow, mode="GOVERNANCE", days=0.5, BypassGovernanceRetention=True)
        == "AccessDenied"
    )
