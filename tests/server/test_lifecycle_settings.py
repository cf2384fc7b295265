"""Lifecycle rules as a setting: every form that S3 documents, and a reason for every one that it refuses."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timezone

import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of, signed_send

from s3portal.server.bucket_settings import lifecycle
from s3portal.server.bucket_settings.lifecycle import LifecycleFilter


@pytest.fixture(scope="module")
def s3(shared_server):
    return client_of(shared_server)


def put(s3, *rules, **more):
    configuration = {"Rules": list(rules)}
    return s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=configuration, **more)


def rule(**more):
    return {
        "ID": "r",
        "Status": "Enabled",
        "Filter": {},
        **({} if more else {"Expiration": {"Days": 1}}),
        **more,
    }


MIDNIGHT = datetime(2030, 1, 1, tzinfo=timezone.utc)
ROUND_TRIPS = [
    rule(Expiration={"Days": 1}, Filter={"Prefix": ""}),
    rule(Expiration={"Days": 365}, Filter={"Prefix": "logs/ä & <b>"}),
    rule(Expiration={"Date": MIDNIGHT}, Filter={"Tag": {"Key": "a", "Value": ""}}),
    rule(Expiration={"ExpiredObjectDeleteMarker": True}, Filter={"Prefix": "x"}),
    rule(Expiration={"Days": 1}, Filter={"ObjectSizeGreaterThan": 0}),
    rule(Expiration={"Days": 1}, Filter={"ObjectSizeLessThan": 500}),
    rule(
        Expiration={"Days": 1},
        NoncurrentVersionExpiration={"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
        Filter={
            "And": {
                "Prefix": "p",
                "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}],
                "ObjectSizeGreaterThan": 1,
                "ObjectSizeLessThan": 500,
            }
        },
    ),
    rule(
        AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}, Filter={"Prefix": "p"}, Status="Disabled"
    ),
    rule(
        Expiration={"Days": 400},
        Transitions=[
            {"Days": 30, "StorageClass": "STANDARD_IA"},
            {"Days": 365, "StorageClass": "DEEP_ARCHIVE"},
        ],
        NoncurrentVersionTransitions=[
            {"NoncurrentDays": 0, "StorageClass": "GLACIER_IR"},
            {"NewerNoncurrentVersions": 3, "NoncurrentDays": 60, "StorageClass": "GLACIER"},
        ],
        Filter={"Prefix": ""},
    ),
    rule(Transitions=[{"Date": MIDNIGHT, "StorageClass": "INTELLIGENT_TIERING"}], Filter={"Prefix": "p"}),
    {"ID": "old", "Status": "Enabled", "Prefix": "old/", "Expiration": {"Days": 1}},
    {
        "ID": "old",
        "Status": "Enabled",
        "Prefix": "",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
]


@pytest.mark.parametrize("given", ROUND_TRIPS)
def test_a_rule_is_shown_as_it_was_put(s3, given):
    put(s3, given)
    assert s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"] == [given]


def test_rules_from_put_to_delete(s3):
    s3.delete_bucket_lifecycle(Bucket=BUCKET)
    refusal = refusal_of(s3.get_bucket_lifecycle_configuration, Bucket=BUCKET)
    assert (refusal.status, refusal.code) == (404, "NoSuchLifecycleConfiguration")
    answer = put(s3, rule(), TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    assert answer["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    shown = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)
    assert shown["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    assert put(s3, rule())["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    s3.delete_bucket_lifecycle(Bucket=BUCKET)
    assert code_of(s3.get_bucket_lifecycle_configuration, Bucket=BUCKET) == "NoSuchLifecycleConfiguration"


def test_a_rule_without_an_id_gets_one(s3):
    nameless = [{name: value for name, value in rule().items() if name != "ID"} for _ in range(2)]
    put(s3, *nameless)
    ids = [found["ID"] for found in s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]]
    assert len(set(ids)) == 2
    assert all(ids)


REFUSED = [
    (
        [rule(Expiration={"Days": 0})],
        "InvalidArgument",
        "'Days' for Expiration action must be a positive integer",
    ),
    (
        [rule(Expiration={"Days": -1})],
        "InvalidArgument",
        "'Days' for Expiration action must be a positive integer",
    ),
    ([rule(Expiration={"Days": 2**40})], "InvalidArgument", "positive integer"),
    (
        [rule(Expiration={"Date": MIDNIGHT.replace(hour=1)})],
        "InvalidArgument",
        "'Date' must be at midnight GMT",
    ),
    ([rule(Expiration={"Days": 1, "Date": MIDNIGHT})], "MalformedXML", ""),
    ([rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})], "MalformedXML", ""),
    ([rule(Expiration={})], "MalformedXML", ""),
    ([rule(ID="x" * 256, Expiration={"Days": 1})], "InvalidArgument", "255"),
    ([rule(), rule()], "InvalidArgument", "Rule ID must be unique"),
    ([rule(Filter={})], "InvalidRequest", "At least one action"),
    ([rule(Status="On", Expiration={"Days": 1})], "MalformedXML", ""),
    ([rule(NoncurrentVersionExpiration={"NoncurrentDays": 0})], "InvalidArgument", "NoncurrentDays"),
    ([rule(NoncurrentVersionExpiration={})], "MalformedXML", ""),
    (
        [rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 101})],
        "InvalidArgument",
        "100",
    ),
    (
        [rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 0})],
        "InvalidArgument",
        "DaysAfterInitiation",
    ),
    (
        [
            rule(
                AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1},
                Filter={"Tag": {"Key": "a", "Value": "b"}},
            )
        ],
        "InvalidRequest",
        "cannot be specified with Tags",
    ),
    (
        [rule(Expiration={"ExpiredObjectDeleteMarker": True}, Filter={"Tag": {"Key": "a", "Value": "b"}})],
        "InvalidRequest",
        "cannot be specified with Tags",
    ),
    ([rule(Filter={"And": {"Prefix": "a"}}, Expiration={"Days": 1})], "MalformedXML", ""),
    (
        [rule(Filter={"Prefix": "a", "ObjectSizeGreaterThan": 5}, Expiration={"Days": 1})],
        "MalformedXML",
        "",
    ),
    (
        [rule(Filter={"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 5}}, Expiration={"Days": 1})],
        "InvalidRequest",
        "ObjectSizeLessThan",
    ),
    (
        [
            rule(
                Filter={"And": {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]}},
                Expiration={"Days": 1},
            )
        ],
        "InvalidRequest",
        "Duplicate Tag Keys",
    ),
    ([rule(Filter={"Prefix": "x" * 1025}, Expiration={"Days": 1})], "InvalidRequest", "1024"),
    ([rule(Prefix="a", Expiration={"Days": 1})], "InvalidRequest", "Base level prefix"),
    (
        [rule(), {"ID": "old", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}],
        "InvalidRequest",
        "Base level prefix",
    ),
    ([{"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}}], "MalformedXML", ""),
    ([rule(Transitions=[{"Days": 29, "StorageClass": "STANDARD_IA"}])], "InvalidArgument", "equal to 30"),
    ([rule(Transitions=[{"Days": -1, "StorageClass": "GLACIER"}])], "InvalidArgument", "equal to 0"),
    ([rule(Transitions=[{"Days": 30, "StorageClass": "STANDARD"}])], "MalformedXML", ""),
    ([rule(Transitions=[{"Days": 30}])], "MalformedXML", ""),
    ([rule(Transitions=[{"StorageClass": "GLACIER"}])], "MalformedXML", ""),
    ([rule(Transitions=[{"Days": 1, "Date": MIDNIGHT, "StorageClass": "GLACIER"}])], "MalformedXML", ""),
    (
        [rule(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}, {"Days": 2, "StorageClass": "GLACIER"}])],
        "InvalidRequest",
        "must be different",
    ),
    (
        [rule(Expiration={"Days": 5}, Transitions=[{"Days": 5, "StorageClass": "GLACIER"}])],
        "InvalidArgument",
        "must be greater than",
    ),
    (
        [rule(Expiration={"Date": MIDNIGHT}, Transitions=[{"Days": 5, "StorageClass": "GLACIER"}])],
        "InvalidRequest",
        "mixed 'Date' and 'Days'",
    ),
    (
        [rule(NoncurrentVersionTransitions=[{"NoncurrentDays": 7, "StorageClass": "ONEZONE_IA"}])],
        "InvalidArgument",
        "'NoncurrentDays'",
    ),
    (
        [
            rule(
                NoncurrentVersionTransitions=[
                    {"NoncurrentDays": 7, "NewerNoncurrentVersions": 0, "StorageClass": "GLACIER"}
                ]
            )
        ],
        "InvalidArgument",
        "100",
    ),
    ([rule(ID=str(number), Expiration={"Days": 1}) for number in range(1001)], "MalformedXML", ""),
]


@pytest.mark.parametrize(("rules", "code", "reason"), REFUSED)
def test_a_rule_that_s3_refuses(s3, rules, code, reason):
    s3.delete_bucket_lifecycle(Bucket=BUCKET)
    configuration = {"Rules": rules}
    refusal = refusal_of(
        s3.put_bucket_lifecycle_configuration, Bucket=BUCKET, LifecycleConfiguration=configuration
    )
    assert refusal.code == code
    assert reason in refusal.error["Message"]
    assert code_of(s3.get_bucket_lifecycle_configuration, Bucket=BUCKET) == "NoSuchLifecycleConfiguration"


def test_rules_of_earlier_versions_are_read():
    stored = '{"rules":[{"rule_id":"r","enabled":true,"filter":{"prefix":"a"},"expiration_days":1}],'
    found = lifecycle.read(stored + '"minimum_size":"all_storage_classes_128K"}')
    (only,) = found.rules
    assert (only.expiration_days, only.transitions, only.noncurrent_transitions) == (1, (), ())


@pytest.mark.parametrize("days", ["x", "1.5", "\N{FULLWIDTH DIGIT ONE}", "0x1", "--1", "9" * 30])
def test_days_that_are_no_number(shared_server, days):
    body = (
        "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><Expiration>"
        f"<Days>{days}</Days></Expiration></Rule></LifecycleConfiguration>"
    ).encode()
    status, _, answer = signed_send(shared_server, "PUT", f"/{BUCKET}?lifecycle", body=body)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


@pytest.mark.parametrize(
    "date",
    [
        "9999-12-31T12:00:00-12:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_dates_at_the_ends_of_time(shared_server, date):
    expiration = f"<Expiration><Date>{date}</Date></Expiration>"
    assert_answers_go_on(shared_server, expiration, status=200 if date.endswith("Z") else 400)


@pytest.mark.parametrize("days", [2_932_897, 99_999_999, 2**31 - 1])
def test_days_after_the_last_one(shared_server, days):
    ends = (
        f"<Expiration><Days>{days}</Days></Expiration>"
        "<AbortIncompleteMultipartUpload>"
        f"<DaysAfterInitiation>{days}</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
    )
    headers = assert_answers_go_on(shared_server, ends, status=200)
    assert "31 Dec 9999" in headers["x-amz-expiration"]


def assert_answers_go_on(server, ends, *, status):
    """Puts the rule, and asks for all that has a date of it."""
    document = (
        "<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/>"
        f"{ends}</Rule></LifecycleConfiguration>"
    ).encode()
    digest = {"Content-MD5": base64.b64encode(hashlib.md5(document).digest()).decode()}
    assert signed_send(server, "PUT", f"/{BUCKET}?lifecycle", digest, document)[0] == status
    assert signed_send(server, "PUT", f"/{BUCKET}/k", body=b"content")[0] == 200
    assert signed_send(server, "POST", f"/{BUCKET}/k?uploads")[0] == 200
    assert signed_send(server, "GET", f"/{BUCKET}?lifecycle")[0] in (200, 404)
    answered, headers, _ = signed_send(server, "GET", f"/{BUCKET}/k")
    assert answered == 200
    client_of(server).delete_bucket_lifecycle(Bucket=BUCKET)
    return headers


def test_what_a_filter_matches():
    found = LifecycleFilter("a/", (("k", "v"),), 10, 20)
    assert found.matches("a/b", 15, {"k": "v", "l": "w"})
    assert not found.matches("b/a", 15, {"k": "v"})
    assert not found.matches("a/b", 10, {"k": "v"})
    assert not found.matches("a/b", 20, {"k": "v"})
    assert not found.matches("a/b", 15, {"k": "w"})
    assert not found.matches("a/b", 15, {})
    assert LifecycleFilter().matches("", 0, {})


def test_what_is_stored_is_read_back(s3):
    given = lifecycle.Lifecycle(
        (
            lifecycle.LifecycleRule("r", True, LifecycleFilter("p", (("a", "b"),), 1, 2), expiration_days=3),
            lifecycle.LifecycleRule("s", False, abort_days=1, has_filter=False),
        ),
        "varies_by_storage_class",
    )
    assert lifecycle.read(lifecycle.write(given)) == given
