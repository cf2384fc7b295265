"""A console with two identity providers, and people who sign in with them."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from console_visitor import ConsoleVisitor
from requests.adapters import HTTPAdapter
from signing_in_provider import CLIENT_ID, CLIENT_SECRET, SigningInProvider

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

ROLE = "arn:aws:iam::000000000000:role/readers"
MAIN, OTHER = "/ui/oidc/main", "/ui/oidc/other"


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[SigningInProvider, SigningInProvider]]:
    both = SigningInProvider(), SigningInProvider()
    both[1].metadata["authorization_response_iss_parameter_supported"] = True
    yield both
    for one in both:
        one.close()


def entry_of(provider: SigningInProvider, name: str) -> dict[str, Any]:
    return {
        "issuer": provider.issuer,
        "audiences": [CLIENT_ID, "a-command-line"],
        "roles": [
            {"role": "readers", "groups": ["staff"], "subjects": ["anna"]},
            {"role": "writers", "groups": ["staff"]},
        ],
        "console": {
            "name": name,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "label": f"University <{name}>",
        },
    }


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, providers: tuple[SigningInProvider, SigningInProvider]
) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("oidc") / "s3"
    root.mkdir()
    config = server_config()
    allowed = [{"Effect": "Allow", "Action": ["s3:ListAllMyBuckets", "s3:ListBucket"], "Resource": "*"}]
    for name in ("readers", "writers"):
        policy = {"Version": "2012-10-17", "Statement": allowed}
        config["roles"].append({"name": name, "trusted": [], "policy": policy, "max_session_s": 7200})
    config["oidc_providers"] = [
        entry_of(provider, name) for provider, name in zip(providers, ("main", "other"), strict=True)
    ]
    front_end = ConsoleFrontEnd(root, "127.0.0.1", 0)
    with RunningServer(root, config, front_end=front_end) as server:
        _CONSOLES[server.endpoint] = front_end
        yield server


_CONSOLES: dict[str, ConsoleFrontEnd] = {}


@pytest.fixture
def console(server: RunningServer, providers: Any) -> ConsoleFrontEnd:
    for provider in providers:
        for changed in (provider.claims, provider.answers, provider.exchanges):
            changed.clear()
        provider.refusal = provider.token_answer = None
    return _CONSOLES[server.endpoint]


@pytest.fixture
def provider(console: ConsoleFrontEnd, providers: Any) -> SigningInProvider:
    return providers[0]


@pytest.fixture
def visitor(console: ConsoleFrontEnd) -> ConsoleVisitor:
    """Somebody at an address of their own: who is refused has to wait."""
    found = ConsoleVisitor(console.url)
    found.http.mount("http://", _From(f"127.0.0.{next(_ADDRESSES)}"))
    return found


_ADDRESSES = itertools.count(2)


class _From(HTTPAdapter):
    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *given: Any, **more: Any) -> None:
        super().init_poolmanager(*given, **more, source_address=(self._address, 0))


def next_url(page: requests.Response) -> str:
    """Where a page leads on to, at once and by its link."""
    assert page.status_code == 200, page.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text)
    assert found and f'href="{found[1]}"' in page.text
    return html.unescape(found[1])


def begin(visitor: ConsoleVisitor, path: str = MAIN, back: str = "") -> str:
    """Presses the button; returns where the provider is."""
    visitor.open(f"/ui/sign-in?back={back}")
    return next_url(visitor.submit(path))


def way_back(visitor: ConsoleVisitor, path: str = MAIN) -> str:
    """Goes to the provider; returns where it sends the browser."""
    return str(visitor.http.get(begin(visitor, path), allow_redirects=False).headers["Location"])


def sign_in(visitor: ConsoleVisitor, back: str = "") -> requests.Response:
    visitor.page = visitor.http.get(begin(visitor, back=back))
    return visitor.page


def is_signed_in(visitor: ConsoleVisitor) -> bool:
    return urlsplit(visitor.open("/ui/buckets").url).path == "/ui/buckets"


def refused(page: requests.Response, status: int, visitor: ConsoleVisitor) -> bool:
    """Whether a page says so, and nobody is signed in."""
    assert (page.status_code, "You are not signed in" in page.text) == (status, True), page.text
    return not is_signed_in(visitor)


def changed(url: str, **given: str | None) -> str:
    """Returns a URL with other parameters; without those that are None."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | given
    left = {name: value for name, value in query.items() if value is not None}
    return requests.Request("GET", url.partition("?")[0], params=left).prepare().url or ""
