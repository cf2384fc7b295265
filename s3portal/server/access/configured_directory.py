"""The directory of a configuration file: all users and roles in memory, the same until the next start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s3portal.server.access.directory import Account, Identity, Role, User
from s3portal.server.access.oidc_providers import OidcProvider
from s3portal.server.authority.policy import Policy
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.storage.records import FIRST_ACCOUNT

#: What listings have always called the owner.
FIRST_ACCOUNT_NAME = "s3portal"


class ConfiguredDirectory:
    """A Directory of what it is given. The first account is always there."""

    def __init__(
        self,
        users: Iterable[User],
        roles: Iterable[Role],
        accounts: Iterable[Account] = (),
        providers: Iterable[OidcProvider] = (),
    ) -> None:
        #: Whose tokens are taken in the place of a key.
        self.providers = tuple(providers)
        self._users = {user.access_key_id: user for user in users}
        self._named = {(user.account_id, user.name): user for user in self._users.values()}
        self._roles = {(role.account_id, role.name): role for role in roles}
        self._accounts = {FIRST_ACCOUNT: Account(FIRST_ACCOUNT, FIRST_ACCOUNT_NAME)}
        self._accounts |= {account.account_id: account for account in accounts}
        self._canonical = {
            canonical_id(account_id): account for account_id, account in self._accounts.items()
        }

    def user_with_key(self, access_key_id: str) -> User | None:
        return self._users.get(access_key_id)

    def user(self, identity: Identity) -> User | None:
        return None if identity.user_id else self.user_named(identity.account_id, identity.name)

    def user_named(self, account_id: str, name: str) -> User | None:
        return self._named.get((account_id, name))

    def users_of(self, account_id: str) -> Sequence[User]:
        return [user for user in self._named.values() if user.account_id == account_id]

    def roles_of(self, account_id: str) -> Sequence[Role]:
        return [role for role in self._roles.values() if role.account_id == account_id]

    def managed_policy(self, policy_arn: str) -> Policy | None:
        return None

    def has_provider(self, provider_arn: str) -> bool:
        return any(provider.arn == provider_arn for provider in self.providers)

    def note_use(self, access_key_id: str, service: str, region: str) -> None:
        """A file remembers nothing."""

    def role_named(self, account_id: str, name: str) -> Role | None:
        return self._roles.get((account_id, name))

    def account(self, account_id: str) -> Account:
        return self._accounts.get(account_id) or Account(account_id, account_id)

    def account_with_canonical_id(self, canonical_id: str) -> Account | None:
        return self._canonical.get(canonical_id)
