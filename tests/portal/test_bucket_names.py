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
        ("-abc", "must begin and end with a lower-case letter or a digit"),
        ("abc-", "must begin and end with a lower-case letter or a digit"),
        ("a..b", "two dots in a row"),
        ("192.168.1.1", "an IP address"),
        ("xn--abc", "S3 reserves names of this form"),
        ("abc--x-s3", "S3 reserves names of this form"),
    ],
)
def test_no_bucket_may_be_called(name: str, reason: str) -> None:
    assert reason.replace("\\\\", "\\") in str(impossible_bucket_name(name))
