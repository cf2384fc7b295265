"""The users, roles, accounts, identity providers and the replication of a configuration file, read again
when it changes.

Every process looks at the file by itself, before each lookup, which takes a few microseconds. The rest of the
configuration is what it was at the start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from s3portal.server.access.configured_directory import ConfiguredDirectory
from s3portal.server.access.directory import User
from s3portal.server.config import ServerConfig, add_environment, read_config_file, root_user
from s3portal.server.config_replication import ReplicationConfig
from s3portal.server.storage.watched_file import WatchedFile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file, and the environment that adds to it."""

    path: Path
    environ: Mapping[str, str]

    def read(self) -> ServerConfig:
        """Raises ConfigError."""
        return add_environment(read_config_file(self.path), self.environ)


def with_users(root: Path, config: ServerConfig) -> tuple[ServerConfig, Path | None]:
    """Returns the configuration with a user, and the file of the key that was made for one where none is
    configured."""
    if config.users:
        return config, None
    user, key_file = root_user(root)
    return replace(config, users=(user,)), key_file


def nobody_else() -> tuple[User, ...]:
    """There are no users but those of the configuration."""
    return ()


class WatchedUsers:
    """Who is in a configuration. Without a ``file`` it stays as it is. A file that cannot be read, or has a
    mistake, is logged once, and who was let in before still is. ``others`` returns the users of another file,
    the same tuple until they change; the configuration's count where both have a name or a key."""

    def __init__(
        self,
        root: Path,
        config: ServerConfig,
        file: ConfigFile | None,
        others: Callable[[], tuple[User, ...]] = nobody_else,
    ) -> None:
        first = with_users(root, config)[0]

        def read() -> ServerConfig:
            assert file is not None
            return with_users(root, file.read())[0]

        path = None if file is None else file.path
        self._config = WatchedFile(path, read, first, "users, roles and replication")
        self._others = others
        self._made = (first, others(), _directory_of(first, others()))

    def current(self) -> ConfiguredDirectory:
        """Returns who is in the file now. May be called from any thread."""
        config, others = self._config.current(), self._others()
        known, known_others, directory = self._made
        if config is not known or others is not known_others:
            directory = _directory_of(config, others)
            self._made = (config, others, directory)
        return directory

    def replication(self) -> ReplicationConfig:
        """Returns what the file says of replication now. May be called from any thread."""
        return self._config.current().replication


def _directory_of(config: ServerConfig, others: Sequence[User]) -> ConfiguredDirectory:
    keys = {user.access_key_id for user in config.users}
    names = {(user.account_id, user.name.lower()) for user in config.users}
    added = []
    for user in others:
        if user.access_key_id in keys or (user.account_id, user.name.lower()) in names:
            log.warning("the configuration has a user %s already; it counts", user.name)
        else:
            added.append(user)
    return ConfiguredDirectory((*config.users, *added), config.roles, config.accounts, config.oidc_providers)
