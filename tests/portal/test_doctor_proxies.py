"""The doctor names what stands between browsers and the store: addresses that lead elsewhere, proxies that
change what passes."""

import pytest
from doctor_cases import Examine
from store_front import Asked, Said, StoreFront, s3_error


def test_an_address_of_browsers_where_nothing_listens(examine: Examine) -> None:
    examined = examine(s3_public_endpoint="http://127.0.0.1:9")

    finding = examined.one("wrong")
    assert finding.subject == "address for browsers"
    assert "portal.s3_public_endpoint" in finding.mend


def test_a_proxy_for_browsers_that_changes_the_host(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: s3_error(403, "SignatureDoesNotMatch")

    finding = examine(s3_public_endpoint=front.endpoint).one("wrong")

    assert "changes requests on their way" in finding.text
    assert "pass Host, path and query unchanged" in finding.mend


def test_a_proxy_that_takes_no_large_bodies(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: Said(413) if len(asked.body) > 1024 * 1024 else None

    finding = examine(s3_endpoint=front.endpoint, max_upload_size=0).one("wrong")

    assert "does not accept requests of 5.2 MB (status 413)" in finding.text


def test_a_link_that_gives_other_bytes(examine: Examine, front: StoreFront) -> None:
    def cut(asked: Asked, said: Said) -> None:
        if "response-content-type" in asked.query and "range" not in asked.headers:
            said.body = said.body[:-1]

    front.alter = cut

    assert "the link returns different bytes" in examine(s3_endpoint=front.endpoint).one("wrong").text


def test_a_part_that_is_damaged_on_its_way(examine: Examine, front: StoreFront) -> None:
    def other_checksum(asked: Asked, said: Said) -> None:
        said.headers = [
            (name, "AAAAAAAAAAA=" if "checksum" in name and "origin" in asked.headers else value)
            for name, value in said.headers
        ]

    front.alter = other_checksum

    assert "damaged on its way" in examine(s3_endpoint=front.endpoint).one("wrong").text


def test_an_encrypted_portal_with_a_store_that_is_not(examine: Examine) -> None:
    examined = examine(
        s3_endpoint="http://s3.invalid",
        s3_public_endpoint="http://s3.example.org",
        site_url="https://data.example.org",
    )

    finding = next(f for f in examined.findings if f.subject == "address for browsers")
    assert finding.state == "wrong"
    assert "which is not encrypted" in finding.text


def test_a_store_address_that_means_each_visitors_own_computer(examine: Examine) -> None:
    examined = examine(site_url="http://data.example.org")

    finding = next(f for f in examined.findings if f.subject == "address for browsers")
    assert (finding.state, "own computer" in finding.text) == ("wrong", True)


@pytest.mark.parametrize(
    ("environment", "kept"),
    [({"HTTP_PROXY": "http://127.0.0.1:9"}, False), ({"NO_PROXY": "127.0.0.1"}, True)],
)
def test_the_proxies_of_this_computer_count(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], kept: bool
) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in {"HTTP_PROXY": "http://127.0.0.1:9", **environment}.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)

    examined = examine()

    assert examined.is_well is kept, examined.complaints
