"""Whether a bucket's CORS rules let the pages of a portal send parts."""

import pytest

from s3portal.transfer.cors import cors_rule, lets_in

ORIGIN = "https://data.example.org"


@pytest.mark.parametrize(
    ("changes", "enough"),
    [
        ({}, True),
        ({"AllowedOrigins": ["*"]}, True),
        ({"AllowedOrigins": ["https://*.example.org"]}, True),
        ({"AllowedOrigins": ["http://data.example.org"]}, False),
        ({"AllowedOrigins": ["https://*.example.com", "https://data.example.org:8443"]}, False),
        ({"AllowedMethods": ["GET", "POST"]}, False),
        (
            {"ExposeHeaders": ["etag", "X-Amz-Checksum-CRC64NVME", "x-amz-checksum-crc32c", "x-amz-id-2"]},
            True,
        ),
        ({"ExposeHeaders": ["ETag"]}, False),
    ],
)
def test_a_rule_is_enough_or_is_not(changes: dict, enough: bool) -> None:
    assert lets_in([{**cors_rule(ORIGIN), **changes}], ORIGIN) is enough


@pytest.mark.parametrize(
    ("allowed", "origin", "enough"),
    [
        ("http://[::1]:5000", "http://[::1]:5000", True),
        ("http://*:5000", "http://[::1]:5000", True),
        ("http://[abc]:5000", "http://a:5000", False),
        ("http://dat?.example.org", "http://data.example.org", False),
    ],
)
def test_a_star_is_the_only_wildcard(allowed: str, origin: str, enough: bool) -> None:
    assert lets_in([cors_rule(allowed)], origin) is enough


def test_who_needs_no_headers_is_not_asked_for_them() -> None:
    assert lets_in([{**cors_rule(ORIGIN), "ExposeHeaders": []}], ORIGIN, exposed=())


def test_rules_are_not_added_up_and_no_rule_is_not_enough() -> None:
    assert not lets_in([], ORIGIN)
    no_put = {**cors_rule(ORIGIN), "AllowedMethods": ["GET"]}
    assert not lets_in([no_put, {**cors_rule("https://other.org")}], ORIGIN)
