"""Signing in to a front end with an identity provider: which there are, and who has shown a token of one.

For front ends in the same process. Tokens are checked as AssumeRoleWithWebIdentity checks them, and nothing
is granted here: that is the operation's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from s3portal.server.access.directory import Directory
from s3portal.server.access.json_web_keys import discovered, fetch_json, is_of_issuer
from s3portal.server.access.oidc_providers import ConsoleClient, OidcProvider
from s3portal.server.access.web_identity import WebIdentities, WebIdentity
from s3portal.server.api.sts.web_identity import decision_on, is_open_to
from s3portal.server.authority.identity_keys import ROLE_SESSION_NAME
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.iam.people import People
from s3portal.server.iam.records import Kind
from s3portal.server.wire.errors import S3Error

__all__ = ["ConsoleClient", "OfferedRole", "OidcProvider", "ShownIdentity", "SignInRefused", "WebSignIn"]


class SignInRefused(RuntimeError):
    """A token or a discovery document cannot be used; the message says why."""


@dataclass(frozen=True)
class OfferedRole:
    """A role that somebody may have. ``session_s`` is how long at most, in seconds."""

    arn: str
    name: str
    session_s: int


@dataclass(frozen=True)
class ShownIdentity:
    """Who a valid token is of. ``nonce`` and ``authorised_party`` are None where it has none."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    authorised_party: str | None
    nonce: str | None
    roles: tuple[OfferedRole, ...]


@dataclass(frozen=True)
class _Context:
    """What is known of a sign-in before the role is asked for."""

    values: Mapping[str, Values]

    def get(self, key: str, /) -> Values | None:
        return self.values.get(key)


class WebSignIn:
    """``now`` is the server's clock."""

    def __init__(
        self,
        identities: WebIdentities,
        people: People,
        directory: Directory,
        now: Callable[[], datetime],
    ) -> None:
        self._identities = identities
        self._people = people
        self._directory = directory
        self._now = now

    def providers(self) -> Sequence[tuple[OidcProvider, ConsoleClient]]:
        """Returns those that people can sign in to the console with, as they are configured now."""
        return [(one, one.console) for one in self._identities.providers if one.console is not None]

    def discover(self, provider: OidcProvider) -> Mapping[str, Any]:
        """Returns the discovery document of a provider, fetched now. Raises SignInRefused."""
        try:
            return discovered(provider.issuer, fetch_json)
        except S3Error as problem:
            raise SignInRefused(problem.message) from problem

    def is_of_issuer(self, url: str, provider: OidcProvider) -> bool:
        """Whether a URL of the discovery document may be used without having been configured."""
        return is_of_issuer(url, provider.issuer)

    def open(
        self, token: str, session_name: Callable[[str], str], address: str, is_secure: bool
    ) -> ShownIdentity:
        """Returns who shows a token, and the roles that are open to them from an address. ``session_name``
        makes the name of their session of the subject. Raises SignInRefused."""
        try:
            identity = self._identities.open(token)
        except S3Error as problem:
            raise SignInRefused(problem.message) from problem
        values: dict[str, Values] = {
            ROLE_SESSION_NAME: session_name(identity.subject),
            "aws:sourceip": address,
            "aws:securetransport": "true" if is_secure else "false",
            "aws:currenttime": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(self._now().timestamp())),
            **identity.keys,
        }
        return ShownIdentity(
            identity.provider.issuer,
            identity.subject,
            identity.audiences,
            identity.authorised_party,
            identity.nonce,
            tuple(self._roles(identity, _Context(values))),
        )

    def _roles(self, identity: WebIdentity, context: _Context) -> Iterator[OfferedRole]:
        account_id = identity.provider.account_id
        names = sorted(role.name for role in self._people.find_all(Kind.ROLE, account_id))
        for name in names:
            role = self._directory.role_named(account_id, name)
            if role is not None and is_open_to(role, identity, decision_on(role, identity, context)):
                yield OfferedRole(role.arn, role.name, role.max_session_s)
