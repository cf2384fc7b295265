"""Who shows a token of an identity provider: its signature, issuer, audience and times are checked here.

Sources: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation and RFC 8725.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from s3portal.server.access.json_web_keys import JsonWebKeys
from s3portal.server.access.oidc_providers import OidcProvider
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.wire.errors import S3Error

TOKEN_LIMIT = 20_000
#: How far the provider's clock may be from ours.
LEEWAY_S = 60
_SUBJECT_LIMIT = 255
#: The condition key that names the provider of a session.
FEDERATED_PROVIDER = "aws:federatedprovider"


@dataclass(frozen=True)
class WebIdentity:
    """Somebody whom a provider vouches for. ``audience`` is the first of the token's ``audiences`` that the
    provider's settings name; ``nonce`` is what the sign-in has asked the token to have."""

    provider: OidcProvider
    subject: str
    audience: str
    groups: frozenset[str]
    authorised_party: str | None = None
    methods: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    nonce: str | None = None

    @property
    def keys(self) -> Mapping[str, Values]:
        """The condition keys that policies know it by, in lower case."""
        name = self.provider.name.lower()
        keys: dict[str, Values] = {
            f"{name}:sub": self.subject,
            f"{name}:aud": self.audience,
            FEDERATED_PROVIDER: self.provider.arn,
        }
        if self.authorised_party is not None:
            keys[f"{name}:azp"] = self.authorised_party
        if self.methods:
            keys[f"{name}:amr"] = list(self.methods)
        return keys


class WebIdentities:
    """Opens tokens. ``providers`` returns those of the configuration as it is now."""

    def __init__(self, providers: Callable[[], Sequence[OidcProvider]], now: Callable[[], datetime]) -> None:
        self._providers = providers
        self._now = now
        self._lock = threading.Lock()
        self._keys: dict[OidcProvider, JsonWebKeys] = {}

    @property
    def providers(self) -> Sequence[OidcProvider]:
        return self._providers()

    def open(self, token: str) -> WebIdentity:
        """Returns who shows a token.

        Raises InvalidIdentityToken, ExpiredTokenException, IDPCommunicationError.
        """
        jwt = _pyjwt()
        if len(token) > TOKEN_LIMIT:
            raise _invalid("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            unproven = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError) as problem:
            raise _invalid("it is no JSON Web Token") from problem
        provider = next((one for one in self.providers if one.issuer == unproven.get("iss")), None)
        if provider is None:
            raise _invalid("no configured provider has issued it")
        algorithm = header.get("alg")
        if algorithm not in provider.algorithms:
            raise _invalid(f"it must be signed with {' or '.join(provider.algorithms)}")
        if "crit" in header:
            raise _invalid("it asks for an extension that this server does not know")
        key_id = header.get("kid")
        key = self._keys_of(provider).find(None if key_id is None else str(key_id))
        claims = _verified(jwt, token, provider, key, algorithm)
        self._check_times(claims)
        return _identity(claims, provider)

    def _keys_of(self, provider: OidcProvider) -> JsonWebKeys:
        with self._lock:
            if provider not in self._keys:
                # Those of a provider whose settings have changed are not needed any more.
                self._keys = {one: keys for one, keys in self._keys.items() if one in self.providers}
                self._keys[provider] = JsonWebKeys(provider)
            return self._keys[provider]

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now().timestamp()
        for name in ("exp", "iat", "nbf"):
            value = claims.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                raise _invalid(f"its {name} is not a time")
        if claims["exp"] + LEEWAY_S <= now:
            raise S3Error("ExpiredTokenException", "The web identity token has expired: fetch a new one.")
        if max(claims["iat"], claims.get("nbf") or 0) > now + LEEWAY_S:
            raise _invalid("it is not valid yet")


def _verified(
    jwt: Any, token: str, provider: OidcProvider, key: Mapping[str, Any], algorithm: str
) -> Mapping[str, Any]:
    """Returns the claims of a token whose signature, issuer and audience are right."""
    if key.get("alg", algorithm) != algorithm:
        raise _invalid("the provider's key is for another algorithm")
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(dict(key), algorithm=algorithm).key,
            algorithms=[algorithm],
            audience=list(provider.audiences),
            issuer=provider.issuer,
            options={
                "require": ["aud", "exp", "iat", "iss", "sub"],
                # By the server's own clock, afterwards.
                **{"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError) as problem:
        raise _invalid(str(problem)) from problem
    return claims


def _identity(claims: Mapping[str, Any], provider: OidcProvider) -> WebIdentity:
    subject, groups = claims["sub"], claims.get(provider.groups_claim, [])
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_LIMIT:
        raise _invalid(f"its subject must have 1 to {_SUBJECT_LIMIT} characters")
    audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    party, methods, nonce = claims.get("azp"), claims.get("amr", []), claims.get("nonce")
    return WebIdentity(
        provider=provider,
        subject=subject,
        audience=next(one for one in audiences if one in provider.audiences),
        groups=frozenset(_texts([groups] if isinstance(groups, str) else groups)),
        authorised_party=party if isinstance(party, str) else None,
        methods=tuple(_texts(methods)),
        audiences=tuple(audiences),
        nonce=nonce if isinstance(nonce, str) else None,
    )


def _texts(values: Any) -> Sequence[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _pyjwt() -> Any:
    """Returns PyJWT, which a server without identity providers does not need."""
    try:
        return importlib.import_module("jwt")
    except ModuleNotFoundError as missing:
        raise S3Error(
            "IDPCommunicationError",
            "This server has no PyJWT; install it with pip install 's3portal[server]'.",
        ) from missing


def _invalid(reason: str) -> S3Error:
    return S3Error("InvalidIdentityToken", f"The web identity token is not valid: {reason}.")
