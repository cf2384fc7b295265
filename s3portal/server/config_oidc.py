"""The identity providers of the configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from s3portal.server.access.oidc_providers import ALGORITHMS, ConsoleClient, OidcProvider, RoleMapping
from s3portal.server.config_values import ConfigError, list_of, object_of, refuse_repeats, text_of
from s3portal.server.storage.records import FIRST_ACCOUNT

_FIELDS = ("issuer", "audiences", "account", "algorithms", "jwks_uri", "groups_claim", "roles", "console")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "end_session_endpoint")
_CONSOLE_FIELDS = ("name", "client_id", "client_secret", "label", "scopes", *_ENDPOINTS)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")
# RFC 6749, appendix A.4
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def read_oidc_providers(top: Mapping[str, Any]) -> tuple[OidcProvider, ...]:
    """Returns the ``oidc_providers`` of the configuration; raises ConfigError."""
    found = tuple(
        _provider(entry, f"oidc_providers[{number}]")
        for number, entry in enumerate(list_of(top, "oidc_providers"))
    )
    refuse_repeats("oidc_providers, issuer", [provider.issuer for provider in found])
    names = [provider.console.name for provider in found if provider.console]
    refuse_repeats("oidc_providers, console, name", names)
    return found


def _provider(entry: Any, place: str) -> OidcProvider:
    found = object_of(entry, place, _FIELDS)
    issuer = text_of(found, "issuer", place) or ""
    _check_url(issuer, f"{place}: issuer")
    jwks_uri = text_of(found, "jwks_uri", place, default="")
    if jwks_uri is not None:
        _check_url(jwks_uri, f"{place}: jwks_uri")
    audiences = _texts(found, "audiences", place)
    if not audiences:
        raise ConfigError(f"{place}: audiences must name the client ids that tokens are for")
    algorithms = _texts(found, "algorithms", place, default=("RS256",))
    unknown = [name for name in algorithms if name not in ALGORITHMS]
    if unknown or not algorithms:
        raise ConfigError(
            f"{place}: algorithms can be {', '.join(ALGORITHMS)}, not {', '.join(unknown) or 'none at all'}"
        )
    return OidcProvider(
        issuer=issuer,
        audiences=audiences,
        account_id=text_of(found, "account", place, default="") or FIRST_ACCOUNT,
        algorithms=algorithms,
        jwks_uri=jwks_uri,
        groups_claim=text_of(found, "groups_claim", place, default="") or "groups",
        roles=tuple(
            _mapping(one, f"{place}.roles[{number}]") for number, one in enumerate(list_of(found, "roles"))
        ),
        console=_console(found, f"{place}.console", issuer, audiences),
    )


def _console(
    provider: Mapping[str, Any], place: str, issuer: str, audiences: Sequence[str]
) -> ConsoleClient | None:
    if provider.get("console") is None:
        return None
    found = object_of(provider["console"], place, _CONSOLE_FIELDS)
    client_id = text_of(found, "client_id", place)
    if client_id not in audiences or client_id is None:
        raise ConfigError(f"{place}: client_id must be one of the provider's audiences")
    host = urlsplit(issuer).hostname or ""
    name = text_of(found, "name", place, default="") or host
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{place}: name must be 1 to 64 lower-case letters, digits, '.' and '-'")
    scopes = _texts(found, "scopes", place, default=("openid",))
    if "openid" not in scopes or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise ConfigError(f"{place}: scopes must include openid, and have no spaces or quotes")
    endpoints = {endpoint: text_of(found, endpoint, place, default="") for endpoint in _ENDPOINTS}
    for endpoint, url in endpoints.items():
        if url is not None:
            _check_url(url, f"{place}: {endpoint}")
    return ConsoleClient(
        name=name,
        client_id=client_id,
        label=text_of(found, "label", place, default="") or host,
        client_secret=text_of(found, "client_secret", place, default=""),
        scopes=scopes,
        **endpoints,
    )


def _mapping(entry: Any, place: str) -> RoleMapping:
    found = object_of(entry, place, ("role", "subjects", "groups"))
    role = text_of(found, "role", place)
    subjects, groups = _texts(found, "subjects", place), _texts(found, "groups", place)
    if role is None or not (subjects or groups):
        raise ConfigError(f"{place} must have a role, and subjects or groups that may have it")
    return RoleMapping(role, frozenset(subjects), frozenset(groups))


def _check_url(url: str, place: str) -> None:
    """Keys that come over plain HTTP could be anybody's."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ConfigError(f"{place} must be a URL like https://login.example.org, without query and user")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ConfigError(f"{place} must begin with https://")


def _texts(found: Mapping[str, Any], name: str, place: str, default: Sequence[str] = ()) -> tuple[str, ...]:
    values = found.get(name, list(default))
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise ConfigError(f"{place}: {name} must be a list of texts")
    return tuple(values)
