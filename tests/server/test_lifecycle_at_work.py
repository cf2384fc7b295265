"""Lifecycle rules at work, by a clock that the test moves."""

from __future__ import annotations

import json
import re

import pytest
from s3_callers import BUCKET, client_of, code_of

from s3portal.server.background import lifecycle as lifecycle_job
from s3portal.server.bucket_settings.lifecycle_dates import DAY_MS, due_ms
from s3portal.server.storage import journal

DAY_S = 24 * 3600


@pytest.fixture
def s3(s3_server):
    """A client that may change settings."""
    return client_of(s3_server, "admin")


def put_rules(s3, *rules):
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [
                {"ID": f"rule {number}", "Status": "Enabled", "Filter": {}, **rule}
                for number, rule in enumerate(rules)
            ]
        },
    )


def after(server, days):
    """Runs the job as it would run after so many days, and one for the rounding to midnight."""
    server.clock.advance((days + 1) * DAY_S)
    server.run_lifecycle()
    server.clock.reset()


def keys_of(s3):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def versions_of(s3):
    page = s3.list_object_versions(Bucket=BUCKET)
    return [(v["Key"], v["VersionId"]) for v in page.get("Versions", [])], [
        (v["Key"], v["VersionId"]) for v in page.get("DeleteMarkers", [])
    ]


def enable_versioning(s3):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


class TestExpiration:
    def test_by_days(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        put_rules(s3, {"Expiration": {"Days": 3}})
        s3_server.run_lifecycle()
        s3_server.clock.advance(2 * DAY_S)
        s3_server.run_lifecycle()
        s3_server.clock.reset()
        assert keys_of(s3) == ["a"]
        after(s3_server, 3)
        assert keys_of(s3) == []

    @pytest.mark.parametrize(("date", "left"), [("2020-01-01", []), ("2120-01-01", ["a"])])
    def test_by_date(self, s3_server, s3, date, left):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        put_rules(s3, {"Expiration": {"Date": f"{date}T00:00:00Z"}})
        s3_server.run_lifecycle()
        assert keys_of(s3) == left

    @pytest.mark.parametrize(
        ("chosen", "left"),
        [
            ({"Prefix": "logs/"}, ["data/large", "data/small"]),
            ({"Tag": {"Key": "keep", "Value": "no"}}, ["data/small", "logs/large", "logs/small"]),
            ({"ObjectSizeGreaterThan": 10}, ["data/small", "logs/small"]),
            ({"ObjectSizeLessThan": 10}, ["data/large", "logs/large"]),
            (
                {"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 10}},
                ["data/large", "data/small", "logs/small"],
            ),
        ],
    )
    def test_only_what_the_filter_means(self, s3_server, s3, chosen, left):
        for folder in ("data", "logs"):
            s3.put_object(Bucket=BUCKET, Key=f"{folder}/small", Body=b"1")
            s3.put_object(Bucket=BUCKET, Key=f"{folder}/large", Body=b"1" * 100)
        tag(s3_server, "data/large", {"keep": "no"})
        put_rules(s3, {"Filter": chosen, "Expiration": {"Days": 1}})
        after(s3_server, 1)
        assert keys_of(s3) == left

    def test_a_rule_that_is_disabled_does_nothing(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        put_rules(s3, {"Status": "Disabled", "Expiration": {"Days": 1}})
        after(s3_server, 100)
        assert keys_of(s3) == ["a"]

    def test_many_objects_are_ended_page_by_page(self, s3_server, s3, monkeypatch):
        monkeypatch.setattr(lifecycle_job, "ENTRIES_AT_ONCE", 3)
        for number in range(11):
            s3.put_object(Bucket=BUCKET, Key=f"{number:02}", Body=b"1")
        put_rules(s3, {"Filter": {"Prefix": "0"}, "Expiration": {"Days": 1}})
        after(s3_server, 1)
        assert keys_of(s3) == ["10"]

    def test_what_is_stored_again_meanwhile_stays(self, s3_server, s3, monkeypatch):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"old")
        put_rules(s3, {"Expiration": {"Days": 1}})
        delete = lifecycle_job.LifecycleJob._delete

        def store_first(job, bucket, batch):
            if batch:
                # So that the caller's own clock is right again; the job goes on by the one it began with.
                s3_server.clock.reset()
                s3.put_object(Bucket=BUCKET, Key="a", Body=b"new")
            return delete(job, bucket, batch)

        monkeypatch.setattr(lifecycle_job.LifecycleJob, "_delete", store_first)
        after(s3_server, 1)
        assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"new"

    def test_the_journal_tells_it_from_a_deletion(self, s3_server, s3):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        put_rules(s3, {"Expiration": {"Days": 1}})
        after(s3_server, 1)
        last = journal.changes_after(s3_server._server.storage, 0, 100)[-1]
        assert (last.event, last.key) == ("LifecycleExpiration:Delete", "a")


class TestVersions:
    def test_an_expired_current_version_gets_a_delete_marker(self, s3_server, s3):
        enable_versioning(s3)
        version_id = s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")["VersionId"]
        put_rules(s3, {"Expiration": {"Days": 1}})
        after(s3_server, 1)
        versions, markers = versions_of(s3)
        assert (versions, len(markers)) == ([("a", version_id)], 1)

    def test_noncurrent_versions_end_but_the_newest_that_are_spared(self, s3_server, s3):
        enable_versioning(s3)
        ids = [s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")["VersionId"] for _ in range(5)]
        put_rules(s3, {"NoncurrentVersionExpiration": {"NoncurrentDays": 2, "NewerNoncurrentVersions": 1}})
        after(s3_server, 1)
        # One more day for the rounding has passed by now.
        s3_server.run_lifecycle()
        assert len(versions_of(s3)[0]) == 5
        after(s3_server, 2)
        assert [version_id for _, version_id in versions_of(s3)[0]] == [ids[4], ids[3]]

    def test_a_delete_marker_with_nothing_behind_it_goes(self, s3_server, s3):
        enable_versioning(s3)
        for key in ("lone", "kept"):
            version_id = s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")["VersionId"]
            s3.delete_object(Bucket=BUCKET, Key=key)
            if key == "lone":
                s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version_id)
        put_rules(s3, {"Expiration": {"ExpiredObjectDeleteMarker": True}})
        s3_server.run_lifecycle()
        versions, markers = versions_of(s3)
        assert [key for key, _ in versions] == ["kept"]
        assert [key for key, _ in markers] == ["kept"]

    def test_all_of_a_history_goes_in_the_end(self, s3_server, s3):
        enable_versioning(s3)
        for _ in range(2):
            s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")
        put_rules(s3, {"Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
        after(s3_server, 1)
        assert versions_of(s3) != ([], [])
        for days in (3, 6):
            after(s3_server, days)
        assert versions_of(s3) == ([], [])

    def test_a_locked_version_stays(self, s3_server, s3):
        enable_versioning(s3)
        held = s3.put_object(Bucket=BUCKET, Key="a", Body=b"held")["VersionId"]
        change(s3_server, "UPDATE objects SET lock = ?", json.dumps({"legal_hold": True}))
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"free")
        newest = s3.put_object(Bucket=BUCKET, Key="a", Body=b"newest")["VersionId"]
        put_rules(s3, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
        after(s3_server, 1)
        assert [version_id for _, version_id in versions_of(s3)[0]] == [newest, held]


class TestUploads:
    def test_an_upload_that_is_not_completed_is_aborted(self, s3_server, s3):
        put_rules(
            s3,
            {"Filter": {"Prefix": "raw/"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
        )
        begun = s3.create_multipart_upload(Bucket=BUCKET, Key="raw/a")
        s3.create_multipart_upload(Bucket=BUCKET, Key="other")
        assert begun["AbortRuleId"] == "rule%200"
        assert begun["AbortDate"].hour == 0
        after(s3_server, 0)
        assert len(s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]) == 2
        after(s3_server, 2)
        assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]] == ["other"]
        place = {"Bucket": BUCKET, "Key": "raw/a", "UploadId": begun["UploadId"]}
        assert code_of(s3.list_parts, **place) == "NoSuchUpload"


class TestHeaders:
    def test_reads_and_writes_say_when_an_object_ends(self, s3_server, s3):
        put_rules(s3, {"Expiration": {"Days": 30}}, {"Filter": {"Prefix": "a"}, "Expiration": {"Days": 10}})
        answers = [
            s3.put_object(Bucket=BUCKET, Key="a", Body=b"1"),
            s3.head_object(Bucket=BUCKET, Key="a"),
            s3.get_object(Bucket=BUCKET, Key="a"),
            s3.copy_object(Bucket=BUCKET, Key="ab", CopySource=f"{BUCKET}/a"),
        ]
        for answer in answers:
            form = r'expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="rule%201"'
            assert re.fullmatch(form, answer["Expiration"])

    def test_an_object_that_stays_has_none(self, s3_server, s3):
        put_rules(s3, {"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}})
        assert "Expiration" not in s3.put_object(Bucket=BUCKET, Key="a", Body=b"1")


@pytest.mark.parametrize(
    ("since", "days", "due"),
    [(0, 1, 1), (1, 1, 2), (DAY_MS - 1, 1, 2), (DAY_MS, 1, 2), (DAY_MS // 2, 3, 4)],
)
def test_a_due_day_begins_at_the_next_midnight(since, days, due):
    assert due_ms(since, days) == due * DAY_MS


def change(server, statement, *values):
    server._server.storage.database.write(lambda connection: connection.execute(statement, values))


def tag(server, key, tags):
    change(server, "UPDATE objects SET tags = ? WHERE key = ?", json.dumps(tags), key.encode())
