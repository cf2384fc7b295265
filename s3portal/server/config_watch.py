"""The users, roles, accounts and identity providers of a configuration file, read again when it changes.

Every process looks at the file by itself, before each lookup, which takes a few microseconds. The rest of the
configuration is what it was at the start.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from s3portal.server.access.configured_directory import ConfiguredDirectory
from s3portal.server.config import ServerConfig, add_environment, read_config_file, root_user

# Within one tick of the kernel's clock, a file can change without its time showing it.
_TICK_NS = 50_000_000

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


class WatchedUsers:
    """Who is in a configuration. Without a ``file`` it stays as it is. A file that cannot be read, or has a
    mistake, is logged once, and who was let in before still is."""

    def __init__(self, root: Path, config: ServerConfig, file: ConfigFile | None) -> None:
        self._root = root
        self._file = file
        # As a text: making one of a path would take longer than the look itself.
        self._path = "" if file is None else str(file.path)
        self._lock = threading.Lock()
        self._directory = _directory_of(with_users(root, config)[0])
        # Not known: the file may have changed between the start of the server and that of this process.
        self._state: tuple[int, ...] | None = None
        self._was_read = False

    def current(self) -> ConfiguredDirectory:
        """Returns who is in the file now. May be called from any thread."""
        if self._file is not None and _state_of(self._path) != self._state:
            with self._lock:
                self._read_again(self._file)
        return self._directory

    def _read_again(self, file: ConfigFile) -> None:
        state = _state_of(self._path)
        if state == self._state:
            # Another thread has read it meanwhile.
            return
        settled = not state or not 0 <= time.time_ns() - state[0] < _TICK_NS
        try:
            directory = _directory_of(with_users(self._root, file.read())[0])
        except (OSError, ValueError, RecursionError) as problem:
            log.error("users and roles stay as they were: %s", problem)
        else:
            self._directory = directory
            if self._was_read:
                log.info("users and roles of %s were read again", file.path)
            self._was_read = True
        # Noted last, so that nobody takes what was there before for what is there now.
        self._state = state if settled else None


def _state_of(path: str) -> tuple[int, ...]:
    """What changes with a file; () while it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _directory_of(config: ServerConfig) -> ConfiguredDirectory:
    return ConfiguredDirectory(config.users, config.roles, config.accounts, config.oidc_providers)
