"""The identity providers whose tokens are taken: OpenID Connect, as the configuration describes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from s3portal.server.authority.arns import oidc_provider_arn
from s3portal.server.storage.records import FIRST_ACCOUNT

#: Those with a public key: nobody who can check a token can make one.
ALGORITHMS = (*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),)


@dataclass(frozen=True)
class RoleMapping:
    """Who may have a role: subjects by name, and members of groups."""

    role: str
    subjects: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ConsoleClient:
    """How people sign in to the console with a provider. ``name`` is in the console's addresses; a public
    client has no secret. Endpoints are None where the discovery document says them."""

    name: str
    client_id: str
    label: str
    client_secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid",)
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    end_session_endpoint: str | None = None


@dataclass(frozen=True)
class OidcProvider:
    """``issuer`` is its URL as its tokens have it; a token must be for one of ``audiences`` and signed with
    one of ``algorithms``. ``jwks_uri`` is where its keys are, None where its discovery document says it.
    ``groups_claim`` is the name of the claim with somebody's groups. With a ``console``, people sign in to it
    with this provider."""

    issuer: str
    audiences: tuple[str, ...]
    account_id: str = FIRST_ACCOUNT
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_uri: str | None = None
    groups_claim: str = "groups"
    roles: tuple[RoleMapping, ...] = ()
    console: ConsoleClient | None = None

    @property
    def name(self) -> str:
        """The issuer as ARNs and condition keys name it."""
        return self.issuer.partition("://")[2]

    @property
    def arn(self) -> str:
        return oidc_provider_arn(self.account_id, self.name)

    def maps(self, role: str, subject: str, groups: frozenset[str]) -> bool:
        """Whether somebody may have a role."""
        return any(
            found.role == role and (subject in found.subjects or not found.groups.isdisjoint(groups))
            for found in self.roles
        )
