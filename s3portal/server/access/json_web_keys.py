"""The public keys of an identity provider, fetched from it and kept for a while.

No network but the issuer's: a discovery document may only point to its own host, redirects are not followed.
Source: https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from s3portal.server.access.oidc_providers import OidcProvider
from s3portal.server.http.documents import DocumentError, fetch_document
from s3portal.server.wire.errors import S3Error

LIFE_S = 3600.0
# How often an unknown key id, which anybody can make up, may send the server to the issuer.
LEAST_PAUSE_S = 30.0
TIMEOUT_S = 5.0
DOCUMENT_LIMIT_BYTES = 512 * 1024
_DISCOVERY = "/.well-known/openid-configuration"

log = logging.getLogger(__name__)
Fetch = Callable[[str], Any]


class JsonWebKeys:
    """The keys of one provider, as their JSON has them. ``fetch`` returns the document of a URL and raises
    IDPCommunicationError; ``clock`` is in seconds."""

    def __init__(
        self, provider: OidcProvider, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider = provider
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, Mapping[str, Any]] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def find(self, key_id: str | None) -> Mapping[str, Any]:
        """Returns the key of an id; without one, the only key that there is.

        Raises InvalidIdentityToken where the provider has no such key, IDPCommunicationError where it cannot
        be asked and was never asked before.
        """
        with self._lock:
            now = self._clock()
            is_old = self._fetched_at is None or now - self._fetched_at >= LIFE_S
            if is_old or self._found(key_id) is None:
                self._refresh(now)
            found = self._found(key_id)
        if found is None:
            raise S3Error("InvalidIdentityToken", "The provider has no key of this token's id.")
        return found

    def _found(self, key_id: str | None) -> Mapping[str, Any] | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _refresh(self, now: float) -> None:
        if self._tried_at is not None and now - self._tried_at < LEAST_PAUSE_S:
            if self._fetched_at is None:
                raise S3Error("IDPCommunicationError")
            return
        self._tried_at = now
        try:
            self._keys = self._read_keys()
        except S3Error as problem:
            if self._fetched_at is None:
                raise
            # Those that are known are as good as they were.
            log.warning("the keys of %s cannot be read again: %s", self._provider.issuer, problem.message)
            return
        self._fetched_at = now

    def _read_keys(self) -> Mapping[str, Mapping[str, Any]]:
        document = self._fetch(self._provider.jwks_uri or self._discovered_uri())
        keys = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(keys, list):
            raise _unusable("its JWKS has no list of keys")
        found: dict[str, Mapping[str, Any]] = {}
        for number, key in enumerate(keys):
            if isinstance(key, Mapping) and key.get("use", "sig") == "sig" and key.get("kty") != "oct":
                found[str(key.get("kid", number))] = key
        return found

    def _discovered_uri(self) -> str:
        issuer = self._provider.issuer
        uri = discovered(issuer, self._fetch).get("jwks_uri")
        if not isinstance(uri, str) or not is_of_issuer(uri, issuer):
            raise _unusable(
                "its keys are on another host; if that is right, name it as jwks_uri in the configuration"
            )
        return uri


def discovered(issuer: str, fetch: Fetch) -> Mapping[str, Any]:
    """Returns an issuer's discovery document. Raises IDPCommunicationError."""
    document = fetch(issuer.rstrip("/") + _DISCOVERY)
    if not isinstance(document, Mapping) or document.get("issuer") != issuer:
        raise _unusable("its discovery document is another issuer's")
    return document


def is_of_issuer(url: str, issuer: str) -> bool:
    """Whether a URL is of the scheme, host and port of the issuer: nobody has allowed any other."""
    try:
        return urlsplit(url)[:2] == urlsplit(issuer)[:2]
    except ValueError:
        return False


def fetch_json(url: str) -> Any:
    """Returns the JSON document of a URL. Raises IDPCommunicationError."""
    try:
        return fetch_document(url, limit_bytes=DOCUMENT_LIMIT_BYTES, deadline_s=TIMEOUT_S)
    except DocumentError as problem:
        log.warning("%s", problem)
        raise _unusable("it does not answer with a document") from problem


def _unusable(reason: str) -> S3Error:
    return S3Error("IDPCommunicationError", f"The identity provider cannot be used: {reason}.")
