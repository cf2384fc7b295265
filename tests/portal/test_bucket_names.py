"""What a bucket can be called."""

import pytest

from s3portal.portal.doctor import impossible_bucket_name


@pytest.mark.parametrize("name", ["abc", "a-b.c", "123", "0" * 63, "indico-2026-11"])
def test_a_bucket_may_be_called(name: str) -> None:
    assert impossible_bucket_name(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ab", "it has 2 characters"),
        ("0" * 64, "it has 64 characters"),
        ("Abc", "'A' is in it"),
        ("a_b", "'_' is in it"),
        ("abc\n", "'\\\\n' is in it"),
        ("-abc", "begins and ends with a small letter or a digit"),
        ("abc-", "begins and ends with a small letter or a digit"),
        ("a..b", "no two dots together"),
        ("192.168.1.1", "no IP address"),
        ("xn--abc", "S3 keeps names of this form for itself"),
        ("abc--x-s3", "S3 keeps names of this form for itself"),
    ],
)
def test_no_bucket_may_be_called(name: str, reason: str) -> None:
    assert reason.replace("\\\\", "\\") in str(impossible_bucket_name(name))
