"""A provider at which somebody is already signed in: it sends browsers straight back, and gives ID tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from identity_provider import IdentityProvider

CLIENT_ID, CLIENT_SECRET = "console", "hush: a+b"


class SigningInProvider(IdentityProvider):
    """``claims`` are added to tokens, ``answers`` to what browsers come back with, ``metadata`` to the
    discovery document; a text in ``refusal`` is what it refuses with. ``token_answer`` takes the place of the
    token endpoint's. It checks what the standards have it check."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.claims: dict[str, Any] = {}
        self.answers: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        self.refusal: str | None = None
        self.token_answer: Any = None
        self.secret: str | None = CLIENT_SECRET
        self.exchanges: list[tuple[Mapping[str, str], Mapping[str, str]]] = []
        self.released = threading.Event()
        self._codes: dict[str, Mapping[str, str]] = {}
        self._host = host
        super().__init__()

    @property
    def issuer(self) -> str:
        return super().issuer.replace("127.0.0.1", self._host)

    def answer(self, path: str) -> Any:
        if path.endswith("/openid-configuration") and path not in self.documents:
            ends = ("authorization", "token", "end_session")
            endpoints = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ends}
            document = super().answer(path) | endpoints | self.metadata
            return {name: value for name, value in document.items() if value is not None}
        return super().answer(path)

    def _handler(provider) -> type[BaseHTTPRequestHandler]:
        class Handler(super()._handler()):  # type: ignore[misc]
            def do_GET(self) -> None:
                if not self.path.startswith("/realms/main/authorization?"):
                    super().do_GET()
                    return
                self.send_response(302)
                self.send_header("Location", provider.way_back(dict(parse_qsl(urlsplit(self.path).query))))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                form = {name: one for name, [one] in parse_qs(content.decode()).items()}
                provider.exchanges.append((form, dict(self.headers)))
                if provider.token_answer == "a byte now and then":
                    self.send_response(200)
                    self.end_headers()
                    with suppress(OSError):
                        while not provider.released.wait(0.02):
                            self.wfile.write(b" ")
                    return
                status, document = provider.tokens(form, self.headers.get("Authorization"))
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", f"{provider.issuer}/keys")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler

    def way_back(self, asked: Mapping[str, str]) -> str:
        """Returns where a browser is sent that came with this."""
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID
        assert "openid" in asked["scope"].split() and asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        told = {"error": self.refusal} if self.refusal else {"code": code}
        query = told | {"state": asked["state"]} | self.answers
        return f"{asked['redirect_uri']}?{urlencode(query)}"

    def tokens(self, form: Mapping[str, str], authorization: str | None) -> tuple[int, Any]:
        if self.token_answer is not None:
            return self.token_answer
        if self.secret is not None:
            pair = base64.b64decode((authorization or "").removeprefix("Basic ")).decode().split(":")
            given = [unquote_plus(one) for one in pair] if authorization else [form.get("client_id")]
            if authorization is None:
                given.append(form.get("client_secret"))
            if given != [CLIENT_ID, self.secret]:
                return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or form["grant_type"] != "authorization_code"
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.token(nonce=asked["nonce"]), "token_type": "Bearer"}

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "anna", "iat": now, "exp": now + 300}
        said |= claims | self.claims
        whole = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(whole, self.keys["one"], "RS256", {"kid": "one"})
