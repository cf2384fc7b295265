"""Addresses are what a browser makes of them."""

import pytest

from s3portal.portal.doctor.web_origin import (
    is_blocked_as_mixed_content,
    is_on_this_computer,
    is_private,
    serialised_origin,
)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://data.example.org", "https://data.example.org"),
        ("https://Data.Example.org:443", "https://data.example.org"),
        ("HTTPS://data.example.org/catalogue/", "https://data.example.org"),
        ("http://data.example.org:80/", "http://data.example.org"),
        ("http://data.example.org:443/", "http://data.example.org:443"),
        ("https://data.example.org:08443", "https://data.example.org:8443"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://[2001:DB8:0:0::1]", "http://[2001:db8::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://user:secret@data.example.org", "https://data.example.org"),
        (" https://data.example.org ", "https://data.example.org"),
        ("data.example.org", "null"),
        ("https://data.example.org:port", "null"),
        ("http://[::1", "null"),
        ("file:///srv/index.html", "null"),
        ("", "null"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert serialised_origin(url) == origin


@pytest.mark.parametrize(
    ("page", "store", "blocked"),
    [
        ("https://data.example.org", "http://s3.example.org/b/", True),
        ("https://data.example.org", "https://s3.example.org/b/", False),
        ("http://data.example.org", "http://s3.example.org/b/", False),
        ("https://data.example.org", "http://127.0.0.1:9000/b/", False),
        ("https://data.example.org", "http://[::1]:9000/b/", False),
        ("https://data.example.org", "http://s3.localhost:9000/b/", False),
        ("https://data.example.org", "http://10.0.0.5:9000/b/", True),
    ],
)
def test_what_is_blocked_as_mixed_content(page: str, store: str, blocked: bool) -> None:
    assert is_blocked_as_mixed_content(page, store) is blocked


@pytest.mark.parametrize(
    ("url", "here", "private"),
    [
        ("http://localhost:9000", True, False),
        ("http://127.8.0.1", True, True),
        ("http://[::1]/", True, True),
        ("http://minio:9000/", False, True),
        ("http://192.168.1.4/", False, True),
        ("https://s3.example.org/", False, False),
        ("https://8.8.8.8/", False, False),
    ],
)
def test_where_an_address_leads(url: str, here: bool, private: bool) -> None:
    assert (is_on_this_computer(url), is_private(url)) == (here, private)
