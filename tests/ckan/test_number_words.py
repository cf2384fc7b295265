"""Sizes on CKAN's pages are worded as the form words them, and times too, in the page's language."""

from datetime import datetime, timezone

import pytest

from ckanext.s3multipart.number_words import bytes_words, s3multipart_time, size_words

# Each CKAN has a Babel of its own.
pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    ("locale", "size", "to_the_byte"),
    [
        ("en", "58.1 GB", "58,123,456,789 bytes"),
        ("de", "58,1\N{NO-BREAK SPACE}GB", "58.123.456.789 Byte"),
        ("fr", "58,1\N{NARROW NO-BREAK SPACE}Go", "58 123 456 789 octets"),
    ],
)
def test_a_size_is_said_in_the_language_of_the_page(ckan_app, locale, size, to_the_byte):
    with ckan_app.flask_app.test_request_context(environ_overrides={"CKAN_LANG": locale}):
        assert size_words(58_123_456_789) == size
        assert " ".join(bytes_words(58_123_456_789).split()) == to_the_byte


@pytest.mark.parametrize(
    ("size_bytes", "size"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (99_949_000, "99.9 MB"),
        (99_950_000, "100 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1 GB"),
        (64 * 1024 * 1024 + 3, "67.1 MB"),
        (5 * 1024**4, "5.5 TB"),
    ],
)
def test_a_size_has_one_decimal_below_a_hundred(ckan_app, size_bytes, size):
    with ckan_app.flask_app.test_request_context(environ_overrides={"CKAN_LANG": "en"}):
        assert size_words(size_bytes) == size


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "November 6, 2026, 15:05 (UTC)"),
        ("de", "6. November 2026, 15:05 (UTC)"),
        ("fr", "6 novembre 2026, 15:05 (TU)"),
    ],
)
def test_a_time_is_said_in_the_language_of_the_page(ckan_app, locale, words):
    with ckan_app.flask_app.test_request_context(environ_overrides={"CKAN_LANG": locale}):
        assert s3multipart_time(datetime(2026, 11, 6, 15, 5, 9, tzinfo=timezone.utc)) == words
