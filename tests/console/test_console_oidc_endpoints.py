"""Where the console asks a provider: where its settings and its own host say, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, cast

import pytest

pytest.importorskip("jwt", reason="identity providers need PyJWT")
from signing_in_provider import CLIENT_ID, SigningInProvider

from s3portal.console.oidc.attempts import new_attempt
from s3portal.console.oidc.endpoints import PAUSE_S, KnownEndpoints
from s3portal.console.oidc.exchange import id_token_of
from s3portal.console.oidc.problems import ProviderFailed
from s3portal.server.access.web_identity import WebIdentities
from s3portal.server.config import ConfigError, config_of_json
from s3portal.server.pytest_plugin import server_config
from s3portal.server.web_sign_in import ConsoleClient, OidcProvider, WebSignIn

ATTEMPT = new_attempt("https://login.example.org", "https://console.example.org/back", "")
DISCOVERY = "/realms/main/.well-known/openid-configuration"


@pytest.fixture
def provider() -> Iterator[SigningInProvider]:
    provider = SigningInProvider()
    yield provider
    provider.close()


class Known:
    """Endpoints of a provider as the console knows them, and a clock that stands still."""

    def __init__(self, provider: SigningInProvider, **settings: Any) -> None:
        self.client = ConsoleClient("main", CLIENT_ID, "Main", **settings)
        self.provider = OidcProvider(provider.issuer, (CLIENT_ID,), console=self.client)
        identities = WebIdentities(lambda: [self.provider], lambda: datetime.now(timezone.utc))
        nobody = cast(Any, None)
        sign_in = WebSignIn(identities, nobody, nobody, nobody)
        self.now = 0.0
        self._endpoints = KnownEndpoints(sign_in, lambda: self.now)

    def read(self) -> Any:
        return self._endpoints.of(self.provider, self.client)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "end_session_endpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/token",
        "https://127.0.0.1/token",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//evil.example/token",
        "http://[",
        7,
        {},
    ],
    ids=str,
)
def test_an_address_on_another_host_is_not_used(provider: SigningInProvider, name: str, url: Any) -> None:
    provider.metadata[name] = url
    with pytest.raises(ProviderFailed, match=name):
        Known(provider).read()


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
def test_an_address_that_is_missing_is_told(provider: SigningInProvider, name: str) -> None:
    provider.metadata[name] = None
    with pytest.raises(ProviderFailed, match=name):
        Known(provider).read()


def test_one_that_the_settings_name_is_used(provider: SigningInProvider) -> None:
    elsewhere = "https://oauth.example.org/token"
    provider.metadata["token_endpoint"] = elsewhere
    assert Known(provider, token_endpoint=elsewhere).read().token == elsewhere


@pytest.mark.parametrize(
    "document", [b"<html>", {"issuer": "https://login.example.org"}, [], 302, 500, b" " * 600_000], ids=str
)
def test_a_document_that_is_none_is_not_asked_for_again_at_once(
    provider: SigningInProvider, document: Any
) -> None:
    provider.documents[DISCOVERY] = document
    known = Known(provider)
    for _ in range(3):
        with pytest.raises(ProviderFailed):
            known.read()
    assert provider.asked == [DISCOVERY]
    provider.documents.clear()
    known.now += PAUSE_S
    assert known.read().token == f"{provider.issuer}/token"


def test_a_provider_without_sign_out_is_left_alone(provider: SigningInProvider) -> None:
    provider.metadata["end_session_endpoint"] = None
    assert Known(provider).read().end_session is None


class TestClients:
    def exchanged(self, provider: SigningInProvider, known: Known) -> Any:
        provider.token_answer = (200, {"id_token": "x"})
        assert id_token_of("code", ATTEMPT, known.read(), known.client) == "x"
        [(form, headers)] = provider.exchanges
        assert form["code_verifier"] == ATTEMPT.verifier and form["redirect_uri"] == ATTEMPT.redirect_uri
        return form, headers

    def test_show_their_secret_in_a_header(self, provider: SigningInProvider) -> None:
        form, headers = self.exchanged(provider, Known(provider, client_secret="a:b"))
        # RFC 6749, section 2.3.1: percent-encoded, then base64.
        assert headers["Authorization"] == "Basic Y29uc29sZTphJTNBYg=="
        assert "client_secret" not in form

    def test_show_it_in_the_form_where_the_provider_takes_it_only_there(
        self, provider: SigningInProvider
    ) -> None:
        provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        form, headers = self.exchanged(provider, Known(provider, client_secret="a:b"))
        assert (form["client_id"], form["client_secret"]) == (CLIENT_ID, "a:b")
        assert "Authorization" not in headers

    def test_may_have_none(self, provider: SigningInProvider) -> None:
        form, headers = self.exchanged(provider, Known(provider))
        assert form["client_id"] == CLIENT_ID and "client_secret" not in form
        assert "Authorization" not in headers

    def test_do_not_show_it_in_what_is_logged(self, provider: SigningInProvider) -> None:
        assert "hush" not in repr(Known(provider, client_secret="hush").provider)


def settings(**console: Any) -> dict[str, Any]:
    entry = {"issuer": "https://login.example.org/a", "audiences": [CLIENT_ID]}
    return entry | {"console": {"client_id": CLIENT_ID} | console}


def test_the_least_settings_are_a_client_id() -> None:
    config = config_of_json(server_config() | {"oidc_providers": [settings()]})
    client = config.oidc_providers[0].console
    assert client == ConsoleClient("login.example.org", CLIENT_ID, "login.example.org")
    assert client is not None and client.scopes == ("openid",) and client.client_secret is None


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([settings(client_id="another")], "client_id must be one of the provider's audiences"),
        ([settings(client_id=None)], "client_id must be"),
        ([settings(name="a/b")], "name must be"),
        ([settings(scopes=["profile"])], "must include openid"),
        ([settings(scopes=["openid", "a b"])], "have no spaces"),
        ([settings(token_endpoint="http://oauth.example.org")], "must begin with https://"),
        ([settings(secret="x")], "unknown field secret"),
        ([settings(), settings() | {"issuer": "https://login.example.org/b"}], "is given twice"),
    ],
)
def test_a_mistake_in_the_console_s_settings_is_named(entries: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        config_of_json(server_config() | {"oidc_providers": entries})
