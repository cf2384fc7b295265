"""A page's policy is read as browsers read it, and one that keeps parts from the store is found."""

import pytest
from doctor_cases import Examine
from store_front import Said, StoreFront

from s3portal.portal.doctor.content_security import forbidding_directive
from s3portal.server.testing import RunningServer

PAGE = "https://data.example.org"
STORE = "https://river-data.s3.example.org/a/b"


@pytest.mark.parametrize(
    ("policy", "url", "allowed"),
    [
        ("", STORE, True),
        ("script-src 'self'", STORE, True),
        ("default-src 'self'", STORE, False),
        ("default-src 'none'; connect-src https://river-data.s3.example.org", STORE, True),
        ("default-src *; connect-src 'self'", STORE, False),
        ("connect-src 'self'; connect-src *", STORE, False),
        ("connect-src", STORE, False),
        ("CONNECT-SRC *", STORE, True),
        ("connect-src 'self' *.s3.example.org", STORE, True),
        ("connect-src *.example.org", "https://example.org/a", False),
        ("connect-src s3.example.org", STORE, False),
        ("connect-src https:", STORE, True),
        ("connect-src http:", STORE, True),
        ("connect-src https:", "http://s3.example.org/a", False),
        ("connect-src http://river-data.s3.example.org", STORE, True),
        ("connect-src http://river-data.s3.example.org:80", STORE, True),
        ("connect-src river-data.s3.example.org", "http://river-data.s3.example.org/a", False),
        ("connect-src https://s3.example.org", "https://s3.example.org:9000/b/k", False),
        ("connect-src https://s3.example.org:9000", "https://s3.example.org:9000/b/k", True),
        ("connect-src https://s3.example.org:*", "https://s3.example.org:9000/b/k", True),
        ("connect-src https://s3.example.org/b/", "https://s3.example.org/b/k", True),
        ("connect-src https://s3.example.org/b", "https://s3.example.org/b/k", False),
        ("connect-src https://s3.example.org/c/", "https://s3.example.org/b/k", False),
        ("connect-src https://S3.Example.org", "https://s3.example.org/b/k", True),
        ("connect-src 'self'", "https://data.example.org/store/k", True),
        ("connect-src 'none'", STORE, False),
        ("connect-src *, connect-src 'self'", STORE, False),
    ],
)
def test_where_a_page_may_send_to(policy: str, url: str, allowed: bool) -> None:
    assert (forbidding_directive([policy], PAGE, url) is None) is allowed


def test_every_policy_counts() -> None:
    assert forbidding_directive(["connect-src *", "default-src 'self'"], PAGE, STORE) == "default-src 'self'"


def test_a_portal_whose_pages_may_not_send_to_the_store_is_told(examine: Examine, front: StoreFront) -> None:
    headers = [("Content-Security-Policy", "default-src 'self'")]
    front.instead = lambda asked: Said(200, headers) if asked.path == "/" and not asked.query else None

    finding = next(f for f in examine(site_url=front.endpoint).findings if f.subject == "page policy")

    assert finding.state == "wrong"
    assert "default-src 'self'" in finding.text
    assert "to connect-src in the Content-Security-Policy" in finding.mend


def test_a_policy_that_names_the_store_is_well(
    examine: Examine, front: StoreFront, s3_server: RunningServer
) -> None:
    headers = [("Content-Security-Policy", f"connect-src {s3_server.endpoint}")]
    front.instead = lambda asked: Said(200, headers) if asked.path == "/" and not asked.query else None

    assert examine(site_url=front.endpoint).is_well
