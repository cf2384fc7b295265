"""ID tokens that are not the answer to a sign-in, and providers that answer with anything."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from console_visitor import ConsoleVisitor
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from s3portal.console.oidc import exchange

pytest.importorskip("jwt", reason="identity providers need PyJWT")
import jwt
from console_signing_in import (
    begin,
    next_url,
    refused,
    sign_in,
)
from console_signing_in import console as console  # fixtures
from console_signing_in import provider as provider
from console_signing_in import providers as providers
from console_signing_in import server as server
from console_signing_in import visitor as visitor
from identity_provider import new_key, public_key
from signing_in_provider import CLIENT_ID, CLIENT_SECRET, SigningInProvider


class TestTokens:
    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"nonce": 1},
            # The server takes tokens for it, but not as the console's.
            {"aud": "a-command-line"},
            {"aud": "strangers"},
            {"aud": [CLIENT_ID, "a-command-line"]},
            {"aud": [CLIENT_ID, "a-command-line"], "azp": "a-command-line"},
            {"azp": "a-command-line"},
            {"exp": 1_000_000_000},
            {"iss": "https://login.example.org"},
            {"sub": None},
        ],
        ids=str,
    )
    def test_that_are_not_the_answer_to_this_sign_in(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, Any]
    ) -> None:
        provider.claims |= claims
        assert refused(sign_in(visitor), 502, visitor)

    def test_for_several_clients_must_be_given_to_the_console(
        self, visitor: ConsoleVisitor, provider: SigningInProvider
    ) -> None:
        provider.claims |= {"aud": [CLIENT_ID, "a-command-line"], "azp": CLIENT_ID}
        next_url(sign_in(visitor))

    def test_of_another_provider_of_the_console(
        self, visitor: ConsoleVisitor, providers: tuple[SigningInProvider, SigningInProvider]
    ) -> None:
        main, other = providers
        url = begin(visitor)
        [nonce] = parse_qs(urlsplit(url).query)["nonce"]
        main.token_answer = (200, {"id_token": other.token(nonce=nonce)})
        assert refused(visitor.http.get(url), 502, visitor)

    def test_signed_by_somebody_else(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        url = begin(visitor)
        [nonce] = parse_qs(urlsplit(url).query)["nonce"]
        header, claims, _ = provider.token(nonce=nonce).split(".")
        provider.token_answer = (200, {"id_token": f"{header}.{claims}.AAAA"})
        assert refused(visitor.http.get(url), 502, visitor)


def segment(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


class TestAlgorithms:
    """RFC 8725, sections 3.1 and 3.2: what the provider's settings name counts, and not what a token says."""

    @pytest.fixture
    def claims(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> dict[str, Any]:
        """What a right answer to this sign-in would say; ``self.url`` is where it begins."""
        self.url = begin(visitor)
        [nonce] = parse_qs(urlsplit(self.url).query)["nonce"]
        return jwt.decode(provider.token(nonce=nonce), options={"verify_signature": False})

    def test_the_right_one_is_taken(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, Any]
    ) -> None:
        token = jwt.encode(claims, provider.keys["one"], "RS256", {"kid": "one"})
        provider.token_answer = (200, {"id_token": token})
        next_url(visitor.http.get(self.url))

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
    @pytest.mark.parametrize("signature", ["", "AAAA"])
    def test_none(
        self,
        visitor: ConsoleVisitor,
        provider: SigningInProvider,
        claims: dict[str, Any],
        algorithm: str | None,
        signature: str,
    ) -> None:
        token = f"{segment({'alg': algorithm, 'kid': 'one'})}.{segment(claims)}.{signature}"
        provider.token_answer = (200, {"id_token": token})
        assert refused(visitor.http.get(self.url), 502, visitor)

    @pytest.mark.parametrize("encoding", ["PEM", "JWK", "n", "client secret"])
    def test_a_public_key_or_the_client_s_secret_is_no_shared_secret(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, Any], encoding: str
    ) -> None:
        key = provider.keys["one"]
        published = public_key("one", key)
        secrets = {
            "PEM": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "JWK": json.dumps(published).encode(),
            "n": published["n"].encode(),
            "client secret": CLIENT_SECRET.encode(),
        }
        signed = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(claims)}"
        digest = hmac.digest(secrets[encoding], signed.encode(), "sha256")
        token = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
        provider.token_answer = (200, {"id_token": token})
        assert refused(visitor.http.get(self.url), 502, visitor)

    @pytest.mark.parametrize(
        "header", ["jwk", "jku", "x5u", "crit", "another kid"], ids=lambda name: name.replace(" ", "-")
    )
    def test_a_token_does_not_bring_its_own_key(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, Any], header: str
    ) -> None:
        own = new_key()
        more: dict[str, Any] = {
            "jwk": {"jwk": dict(public_key("one", own)), "kid": "one"},
            "jku": {"jku": f"{provider.issuer}/others", "kid": "one"},
            "x5u": {"x5u": f"{provider.issuer}/others", "kid": "one"},
            "crit": {"crit": ["exp"], "kid": "one"},
            "another kid": {"kid": "../../one"},
        }[header]
        provider.asked.clear()
        provider.token_answer = (200, {"id_token": jwt.encode(claims, own, "RS256", more)})
        assert refused(visitor.http.get(self.url), 502, visitor)
        assert not [path for path in provider.asked if path.endswith("/others")]


class TestTimes:
    """The provider's clock may be a minute off."""

    @pytest.mark.parametrize("claims", [{"exp": -40}, {"iat": 40}, {"nbf": 40}], ids=str)
    def test_of_a_clock_that_is_a_little_off(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, int]
    ) -> None:
        now = int(time.time())
        provider.claims |= {name: now + off for name, off in claims.items()}
        next_url(sign_in(visitor))

    @pytest.mark.parametrize(
        "claims", [{"exp": -3600}, {"iat": 3600}, {"nbf": 3600}, {"exp": None}, {"iat": None}], ids=str
    )
    def test_of_another_hour(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, int | None]
    ) -> None:
        now = int(time.time())
        provider.claims |= {name: None if off is None else now + off for name, off in claims.items()}
        assert refused(sign_in(visitor), 502, visitor)

    @pytest.mark.parametrize("value", ["tomorrow", True, [], {}, "9" * 30], ids=str)
    def test_that_are_none(self, visitor: ConsoleVisitor, provider: SigningInProvider, value: Any) -> None:
        provider.claims["exp"] = value
        assert refused(sign_in(visitor), 502, visitor)


class TestHugeTokens:
    @pytest.mark.parametrize(
        "claims",
        [
            {"filler": "x" * 30_000},
            {"groups": [f"group-{number}" for number in range(5000)]},
            {"sub": "x" * 300},
            {"sub": ""},
        ],
        ids=["filler", "groups", "subject", "no subject"],
    )
    def test_are_refused(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, claims: dict[str, Any]
    ) -> None:
        provider.claims |= claims
        assert refused(sign_in(visitor), 502, visitor)

    def test_deep_claims_are_no_failure(self, visitor: ConsoleVisitor, provider: SigningInProvider) -> None:
        deep = "[" * 5000 + "]" * 5000
        payload = base64.urlsafe_b64encode(f'{{"iss": {deep}}}'.encode()).rstrip(b"=").decode()
        provider.token_answer = (200, {"id_token": f"{segment({'alg': 'RS256'})}.{payload}.AAAA"})
        assert refused(sign_in(visitor), 502, visitor)


class TestBadProviders:
    @pytest.mark.parametrize(
        "answer",
        [
            (200, b"<html>"),
            (200, b"[" * 100_000),
            (200, b"[]"),
            (200, {}),
            (200, {"id_token": 7}),
            (200, {"id_token": "a.b.c"}),
            (200, b" " * (exchange.ANSWER_LIMIT_BYTES + 1)),
            (307, b""),
            (400, {"error": "invalid_grant"}),
            (500, b"\xff"),
        ],
        ids=lambda answer: f"{answer[0]} {str(answer[1])[:20]}",
    )
    def test_answer_with_garbage(
        self, visitor: ConsoleVisitor, provider: SigningInProvider, answer: tuple[int, Any]
    ) -> None:
        provider.token_answer = answer
        assert refused(sign_in(visitor), 502, visitor)

    def test_answer_a_byte_now_and_then(
        self,
        visitor: ConsoleVisitor,
        provider: SigningInProvider,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(exchange, "DEADLINE_S", 0.3)
        provider.token_answer = "a byte now and then"
        try:
            assert refused(sign_in(visitor), 502, visitor)
        finally:
            provider.released.set()
        assert "no whole answer within 0.3 s" in caplog.text
