"""What the console knows of its server: a way in, and which secret belongs to a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from s3portal.console.gateway_client import Application, Key
from s3portal.server.http.failure_counts import FailureCounts
from s3portal.server.operator_view import OperatorView
from s3portal.server.web_sign_in import WebSignIn


@dataclass(frozen=True)
class Backend:
    """``gateway`` answers requests as the S3 port does. ``secret_of`` returns the secret of an access key id,
    None where the key is not there or not active; ``secret_of_session`` that of temporary credentials, which
    ``end_of_session`` tells the end of, in seconds since 1970.

    ``key`` are 32 random bytes of this server's own, ``folder`` is where the console may keep its sessions,
    and ``store_scheme`` and ``store_port`` are the S3 API's. ``view`` is for those who may list users,
    ``sign_in`` for who comes from an identity provider. ``failure_counts`` is where all processes of the
    server count who guesses.
    """

    gateway: Application
    secret_of: Callable[[str], str | None]
    secret_of_session: Callable[[str], str]
    end_of_session: Callable[[str, str], float]
    key: bytes
    folder: Path
    region: str
    store_scheme: str
    store_port: int
    view: OperatorView
    sign_in: WebSignIn
    failure_counts: FailureCounts | None = None

    def key_of(self, access_key_id: str, session_token: str | None) -> Key | None:
        """Returns what signs the requests of somebody who has shown the secret before."""
        if session_token is not None:
            return Key(access_key_id, self.secret_of_session(access_key_id), session_token)
        secret = self.secret_of(access_key_id)
        return None if secret is None else Key(access_key_id, secret)
