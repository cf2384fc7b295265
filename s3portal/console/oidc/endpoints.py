"""Where a provider is asked, by its discovery document and its settings.

Only what is on the issuer's own host is taken from the document; other hosts have to be in the settings.
Source: https://openid.net/specs/openid-connect-discovery-1_0.html and RFC 9207
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.console.oidc.problems import ProviderFailed
from s3portal.server.web_sign_in import ConsoleClient, OidcProvider, SignInRefused, WebSignIn

LIFE_S = 3600.0
#: How long a provider that could not be read is left alone: anybody can press the button.
PAUSE_S = 10.0


@dataclass(frozen=True)
class Endpoints:
    """``names_issuer`` tells whether its answers have to say who it is; ``takes_secret_in_form`` whether the
    client's secret goes there, and not into a header."""

    authorization: str
    token: str
    end_session: str | None
    names_issuer: bool
    takes_secret_in_form: bool


class KnownEndpoints:
    """Remembers what was read. ``clock`` is monotonic, in seconds."""

    def __init__(self, sign_in: WebSignIn, clock: Callable[[], float] = time.monotonic) -> None:
        self._sign_in = sign_in
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[OidcProvider, tuple[float, Endpoints | ProviderFailed]] = {}

    def of(self, provider: OidcProvider, client: ConsoleClient) -> Endpoints:
        """Raises ProviderFailed."""
        with self._lock:
            until, found = self._found.get(provider, (self._clock(), None))
            if found is None or until <= self._clock():
                configured = [one for one, _ in self._sign_in.providers()]
                self._found = {one: kept for one, kept in self._found.items() if one in configured}
                found, life_s = self._read(provider, client)
                self._found[provider] = (self._clock() + life_s, found)
        if isinstance(found, ProviderFailed):
            raise found
        return found

    def _read(
        self, provider: OidcProvider, client: ConsoleClient
    ) -> tuple[Endpoints | ProviderFailed, float]:
        try:
            document = self._sign_in.discover(provider)
            return self._endpoints(document, provider, client), LIFE_S
        except SignInRefused as problem:
            return ProviderFailed(str(problem)), PAUSE_S
        except ProviderFailed as problem:
            return problem, PAUSE_S

    def _endpoints(
        self, document: Mapping[str, Any], provider: OidcProvider, client: ConsoleClient
    ) -> Endpoints:
        def endpoint(name: str, configured: str | None) -> str | None:
            url = configured or document.get(name)
            if url is None:
                return None
            # What is configured was checked at the start.
            if not configured and not (isinstance(url, str) and self._sign_in.is_of_issuer(url, provider)):
                raise ProviderFailed(
                    f"the {name} of {provider.issuer} is on another host; if that is right, name it in the "
                    "provider's console settings"
                )
            return str(url)

        authorization = endpoint("authorization_endpoint", client.authorization_endpoint)
        token = endpoint("token_endpoint", client.token_endpoint)
        if authorization is None or token is None or "#" in authorization:
            raise ProviderFailed(f"{provider.issuer} has no authorization_endpoint or no token_endpoint")
        methods = document.get("token_endpoint_auth_methods_supported")
        return Endpoints(
            authorization,
            token,
            endpoint("end_session_endpoint", client.end_session_endpoint),
            names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
            takes_secret_in_form=isinstance(methods, list)
            and "client_secret_basic" not in methods
            and "client_secret_post" in methods,
        )
