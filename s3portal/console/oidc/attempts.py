"""A sign-in on its way: what the browser was sent to the provider with, and has to come back with.

The browser keeps it sealed in a cookie, which it sends along when another site leads it back (SameSite=Lax).
Each can be used once.
Source: RFC 6749, section 10.12; RFC 7636; RFC 9700, section 4
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from s3portal.console.database import ConsoleDatabase
from s3portal.console.oidc.endpoints import Endpoints
from s3portal.console.oidc.sealing import seal, unseal
from s3portal.server.web_sign_in import ConsoleClient

#: How long somebody may take at the provider.
LIFETIME_S = 15 * 60
_PURPOSE = "attempt"
_BACK_LIMIT_CHARACTERS = 1000


@dataclass(frozen=True)
class Attempt:
    """``back`` is the page of the console that is opened afterwards."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    back: str

    def url(self, endpoints: Endpoints, client: ConsoleClient) -> str:
        """Returns the address at the provider where somebody signs in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        query = urlencode(
            {
                "response_type": "code",
                "client_id": client.client_id,
                "redirect_uri": self.redirect_uri,
                "scope": " ".join(client.scopes),
                "state": self.state,
                "nonce": self.nonce,
                "code_challenge": challenge.rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoints.authorization}{'&' if '?' in endpoints.authorization else '?'}{query}"

    def sealed(self, key: bytes) -> str:
        return seal(key, _PURPOSE, asdict(self), LIFETIME_S)


def new_attempt(issuer: str, redirect_uri: str, back: str) -> Attempt:
    return Attempt(
        issuer,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri,
        back=back if len(back) <= _BACK_LIMIT_CHARACTERS else "",
    )


def attempt_of(key: bytes, cookie: str) -> Attempt | None:
    """Returns the attempt in a cookie; None where it is none of this server's, or too old."""
    content = unseal(key, _PURPOSE, cookie)
    return None if content is None else Attempt(**content)


def use_once(database: ConsoleDatabase, attempt: Attempt) -> bool:
    """Notes that an attempt came back; returns whether it is the first time."""
    now = int(time.time())
    digest = hashlib.sha256(attempt.state.encode()).digest()
    with database.transaction() as connection:
        connection.execute("DELETE FROM used_states WHERE ends_at <= ?", (now,))
        added = connection.execute(
            "INSERT OR IGNORE INTO used_states VALUES (?, ?)", (digest, now + LIFETIME_S + 1)
        )
        return added.rowcount == 1
