"""Buckets for each year, month and week: their names, when they are made, and what they are made with."""

import hashlib
import hmac
import json
import uuid
from datetime import date, timedelta

import pytest
from botocore.exceptions import ClientError
from freezegun import freeze_time

from indico_plugin.dynamic_buckets import DynamicS3Storage, bucket_names_ahead, dynamic_bucket_name
from indico_plugin.readonly import ReadOnlyDynamicS3Storage
from indico_plugin.storage import S3Storage
from s3portal.buckets.problems import Refused

SECRET = "somethingrandom"


def expected_name(expanded):
    return f"{expanded}-{hmac.new(SECRET.encode(), expanded.encode(), hashlib.md5).hexdigest()}"[:63]


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        ("indico-<year>", "indico-2027"),
        ("indico-<year>-<month>", "indico-2027-01"),
        ("indico-<year>-<week>", "indico-2027-00"),
        ("<week>-<month>-<year>-x", "00-01-2027-x"),
        ("b" * 42 + "<year>", "b" * 42 + "2027"),
    ],
)
def test_names_are_those_of_the_plugin_that_is_replaced(template, expanded):
    name = dynamic_bucket_name(template, SECRET, date(2027, 1, 1))
    assert name == expected_name(expanded)
    assert len(name) <= 63


@pytest.mark.parametrize(
    ("template", "day", "ahead"),
    [
        ("<year>", date(2026, 11, 20), ["2026"]),
        ("<year>", date(2026, 12, 1), ["2026", "2027"]),
        ("<year>-<month>", date(2026, 11, 30), ["2026-11", "2026-12"]),
        ("<year>-<month>", date(2026, 12, 31), ["2026-12", "2027-01"]),
        ("<year>-<month>", date(2026, 1, 31), ["2026-01", "2026-02"]),
        ("<month>", date(2026, 12, 2), ["12", "01"]),
        ("<year>-<week>", date(2026, 11, 18), ["2026-46", "2026-47"]),
        # The week of New Year belongs to two years, and so has two names.
        ("<year>-<week>", date(2026, 12, 28), ["2026-52", "2027-00", "2027-01"]),
        ("<week>", date(2026, 12, 28), ["52", "00", "01"]),
        ("<year>-<month>-<week>", date(2026, 11, 28), ["2026-11-47", "2026-11-48", "2026-12-48"]),
    ],
)
def test_buckets_are_there_before_their_time(template, day, ahead):
    assert bucket_names_ahead(template, SECRET, day) == [expected_name(name) for name in ahead]


@pytest.mark.parametrize(
    "template",
    [
        "<year>",
        "<month>",
        "<week>",
        "<year>-<month>",
        "<year>-<week>",
        "<month>-<week>",
        "<year>-<month>-<week>",
    ],
)
def test_over_a_year_s_turn_every_day_finds_a_bucket_that_was_made_the_day_before(template):
    made = set()
    for offset in range(60):
        day = date(2026, 12, 1) + timedelta(days=offset)
        if offset:
            assert dynamic_bucket_name(template, SECRET, day) in made
        made.update(bucket_names_ahead(template, SECRET, day))


def test_files_of_two_years_stay_in_their_buckets_and_missing_ones_are_made(context, moto):
    # moto, since any server that checks signatures refuses those of another year.
    storage = DynamicS3Storage(moto.options(bucket_template="turn-<year>", bucket_secret=SECRET))
    with freeze_time("2026-12-31 12:00"):
        old, _ = storage.save("event/1", "text/plain", "a", b"old")
    with freeze_time("2027-01-01 12:00"):
        new, _ = storage.save("event/1", "text/plain", "a", b"new")
        assert storage.save("event/2", "text/plain", "a", b"", dry_run=True)[0].endswith("//event/2")
    assert (old, new) == (f"{expected_name('turn-2026')}//event/1", f"{expected_name('turn-2027')}//event/1")
    readonly = ReadOnlyDynamicS3Storage(moto.options(bucket_template="turn-<year>"))
    assert (storage.open(old).read(), readonly.open(new).read()) == (b"old", b"new")


def test_a_bucket_has_versions_and_the_policy_from_its_making(context, versioned_s3, tmp_path):
    bucket = f"with-policy-{uuid.uuid4().hex[:12]}"
    nobody_overwrites = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/kept/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [nobody_overwrites]}
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    options = versioned_s3.options(
        bucket=bucket, bucket_policy_file=str(tmp_path / "policy.json"), bucket_versioning="yes"
    )
    storage = S3Storage(options)
    assert storage.make_bucket(bucket) is True
    assert storage.make_bucket(bucket) is False
    assert versioned_s3.client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert json.loads(versioned_s3.client.get_bucket_policy(Bucket=bucket)["Policy"]) == policy


def test_a_new_bucket_has_the_settings_of_every_bucket_that_s3portal_makes(context, moto):
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    S3Storage(moto.options(bucket=bucket)).make_bucket(bucket)

    client = moto.client
    assert all(client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    controls = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    [rule] = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["ID"] == "s3portal: abort unfinished uploads"
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}


def test_a_policy_for_everyone_is_not_shut_out_by_the_settings(context, moto, tmp_path):
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    everyone_reads = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    (tmp_path / "policy.json").write_text(
        json.dumps({"Version": "2012-10-17", "Statement": [everyone_reads]})
    )
    options = moto.options(bucket=bucket, bucket_policy_file=str(tmp_path / "policy.json"))

    S3Storage(options).make_bucket(bucket)

    with pytest.raises(ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        moto.client.get_public_access_block(Bucket=bucket)


def test_keys_that_may_make_a_bucket_and_no_more_still_make_it(context, moto, monkeypatch, caplog):
    def refuse(store, **_):
        raise Refused("the keys lack s3:PutLifecycleConfiguration")

    monkeypatch.setattr("s3portal.buckets.settings.lifecycle.recommended_change", refuse)
    bucket = f"test-{uuid.uuid4().hex[:12]}"

    assert S3Storage(moto.options(bucket=bucket)).make_bucket(bucket) is True
    assert f"Bucket {bucket} was made, but not set up completely: the keys lack s3:PutLife" in caplog.text


def test_without_its_policy_file_no_bucket_is_made(context, moto, tmp_path):
    storage = S3Storage(moto.options(bucket="no-policy", bucket_policy_file=str(tmp_path / "missing.json")))
    with pytest.raises(FileNotFoundError):
        storage.make_bucket("no-policy")
    assert not storage.bucket_exists("no-policy")


@pytest.mark.parametrize(("region", "constraint"), [("us-east-1", None), ("eu-west-1", "eu-west-1")])
def test_a_bucket_is_made_in_its_region(context, moto, region, constraint):
    bucket = f"in-{region}"
    S3Storage(moto.options(bucket=bucket, region=region)).make_bucket(bucket)
    assert moto.client.get_bucket_location(Bucket=bucket)["LocationConstraint"] == constraint
