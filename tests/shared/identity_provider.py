"""An identity provider for tests: discovery document, keys and tokens, on a port of its own."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "s3portal"


def number(value: int) -> str:
    """Returns a number as RFC 7518 writes it."""
    return (
        base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
    )


class IdentityProvider:
    """Answers until it is closed. ``keys`` are the private ones by their ids, and may change; ``documents``
    take the place of what a path would be answered with; ``asked`` are the paths that were asked for."""

    def __init__(self) -> None:
        self.keys = {"one": new_key()}
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/realms/main"

    @property
    def name(self) -> str:
        return self.issuer.removeprefix("http://")

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> Any:
        if path in self.documents:
            return self.documents[path]
        if path.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        return {"keys": [public_key(key_id, key) for key_id, key in self.keys.items()]}

    def _handler(provider) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                answer = provider.answer(self.path)
                if isinstance(answer, int):
                    self.send_response(answer)
                    self.send_header("Location", "http://127.0.0.1:1/")
                    self.end_headers()
                    return
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                """Tests look at what was asked."""

        return Handler


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(key_id: str, key: rsa.RSAPrivateKey) -> Mapping[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": key_id,
        "use": "sig",
        "alg": "RS256",
        "n": number(numbers.n),
        "e": number(numbers.e),
    }
