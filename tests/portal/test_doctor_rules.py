"""What the doctor makes of clocks, of lifecycle and CORS rules, and of tokens, without a store."""

import base64
from typing import Any

import pytest

from s3portal.portal.doctor.altered_tokens import altered_tokens
from s3portal.portal.doctor.clock import clock_problem
from s3portal.portal.doctor.cors_rules import MAX_RULES, with_portal_rule, with_readers_rule
from s3portal.portal.doctor.lifecycle_rules import abort_days, days_of, threats, with_aborting_rule

DAY_S = 24 * 3600


@pytest.mark.parametrize(
    ("ahead_s", "stops_everything"),
    [
        (0, None),
        (-59, None),
        (59, None),
        (-120, False),
        (300, False),
        (-300, True),
        (901, True),
        (-3600, True),
    ],
)
def test_a_clock_that_is_wrong_stops_everything_sooner_when_it_is_behind(
    ahead_s: float, stops_everything: bool | None
) -> None:
    problem = clock_problem(ahead_s, shortest_url_s=300)

    assert (problem and problem.stops_everything) is stops_everything


@pytest.mark.parametrize(("expires_s", "days"), [(7 * DAY_S, 8), (7 * DAY_S + 1, 9), (3600, 2)])
def test_a_rule_waits_a_day_longer_than_the_portal(expires_s: int, days: int) -> None:
    assert days_of(expires_s) == days


def aborting(days: int = 8, **other: Any) -> dict[str, Any]:
    return {
        "ID": "r",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
        **other,
    }


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ([], None),
        ([aborting(Filter={"Prefix": ""})], 8),
        ([aborting(Filter={})], 8),
        ([aborting(Prefix="")], 8),
        ([aborting(Filter={"Prefix": "data/"})], 8),
        ([aborting(Filter={"Prefix": "data/x"})], None),
        ([aborting(Filter={"Prefix": "logs/"})], None),
        ([aborting(Filter={}, Status="Disabled")], None),
        ([aborting(Filter={}), aborting(3, Prefix="da")], 3),
        ([{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 3}}], None),
    ],
)
def test_when_unfinished_uploads_are_aborted(rules: list[dict[str, Any]], days: int | None) -> None:
    assert abort_days(rules, "data/") == days


def test_our_lifecycle_rule_joins_the_others_and_comes_once() -> None:
    others = [{"ID": "logs", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 3}}]

    once = with_aborting_rule(others, "data/", 8)
    again = with_aborting_rule(once, "data/", 9)

    assert once[:1] == again[:1] == others
    assert (len(once), len(again)) == (2, 2)
    assert (abort_days(once, "data/"), abort_days(again, "data/")) == (8, 9)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ({"Filter": {}, "Expiration": {"Days": 30}}, ["deletes files after 30 days"]),
        ({"Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, []),
        ({"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}, []),
        ({"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}, []),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Expiration": {"Days": 30}}, []),
        ({"Filter": {}, "Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}]}, []),
        (
            {"Filter": {}, "Transitions": [{"Days": 1, "StorageClass": "DEEP_ARCHIVE"}]},
            ["moves files to DEEP_ARCHIVE, where readers get an error"],
        ),
    ],
)
def test_rules_that_take_published_files_away_are_found(rule: dict[str, Any], what: list[str]) -> None:
    assert [threat.what for threat in threats([{"Status": "Enabled", **rule}], "data/")] == what
    assert not list(threats([{"Status": "Disabled", **rule}], "data/"))


ORIGIN = "https://data.example.org"


def cors(*origins: str, **other: Any) -> dict[str, Any]:
    return {"AllowedOrigins": list(origins), "AllowedMethods": ["GET"], **other}


def test_our_cors_rule_comes_before_one_that_would_answer_for_it_and_allows_too_little() -> None:
    others = [
        cors("https://other.example"),
        cors("https://*.example.org", ExposeHeaders=["x-amz-version-id"]),
    ]

    rules = with_portal_rule(others, ORIGIN)

    assert rules[1:] == others
    assert rules[0]["AllowedOrigins"] == [ORIGIN]
    assert {"ETag", "x-amz-checksum-crc64nvme", "x-amz-version-id"} <= set(rules[0]["ExposeHeaders"])
    assert with_portal_rule(rules, ORIGIN) == rules


def test_two_portals_share_a_bucket() -> None:
    rules = with_portal_rule(with_portal_rule([], ORIGIN), "https://indico.example.org")

    assert len(rules) == 2
    assert len(with_portal_rule(rules, ORIGIN)) == 2


def test_a_bucket_that_is_full_of_rules_loses_none() -> None:
    with pytest.raises(ValueError, match="100 CORS rules"):
        with_portal_rule([cors(f"https://{number}.example") for number in range(MAX_RULES)], ORIGIN)


@pytest.mark.parametrize("length_bytes", [48, 300, 2000])
def test_a_token_is_altered_in_64_places_to_something_else_each(length_bytes: int) -> None:
    token = base64.b64encode(bytes(range(256)) * 8).decode()[: length_bytes * 4 // 3]

    altered = list(altered_tokens(token))

    assert len(set(altered)) == 64
    for other in altered:
        differing = [place for place in range(len(token)) if token[place] != other[place]]
        assert len(differing) == 1
    decoded = base64.b64decode(token + "=" * (-len(token) % 4))
    assert all(base64.b64decode(other + "=" * (-len(other) % 4)) != decoded for other in altered)


def test_a_short_token_is_altered_in_every_place() -> None:
    assert len(list(altered_tokens("abc=="))) == 3


def test_the_rule_for_readers_comes_after_those_of_pages_and_once() -> None:
    pages = {"ID": "pages", "AllowedOrigins": ["https://data.example.org"], "AllowedMethods": ["PUT"]}
    everybody = {"ID": "old", "AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}

    once = with_readers_rule([pages, everybody])

    assert [rule.get("ID") for rule in once] == ["pages", "s3portal: readers on every site", "old"]
    assert (once[1]["AllowedOrigins"], once[1]["AllowedMethods"]) == (["*"], ["GET", "HEAD"])
    assert with_readers_rule(once) == once
    with pytest.raises(ValueError, match="100"):
        with_readers_rule([pages] * MAX_RULES)
