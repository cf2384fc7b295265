"""The master key in the configuration file and the environment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s3portal.server.config_values import ConfigError, object_of, text_of
from s3portal.server.kms.key_sources import MasterKeySource

VARIABLE = "MASTER_KEY"


def read_master_key(top: Mapping[str, Any]) -> MasterKeySource:
    """Returns where the configuration's ``master_key`` says that the key is; raises ConfigError."""
    if "master_key" not in top:
        return MasterKeySource()
    found = object_of(top["master_key"], "master_key", ("file", "variable", "command"))
    if len(found) != 1:
        raise ConfigError("master_key must have one of file, variable and command")
    if "command" in found:
        command = found["command"]
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            raise ConfigError("master_key: command must be a list of texts, the program and its arguments")
        return MasterKeySource(command=tuple(command))
    name = next(iter(found))
    value = text_of(found, name, "master_key")
    if not value:
        raise ConfigError(f"master_key: {name} must not be empty")
    return MasterKeySource(file=Path(value)) if name == "file" else MasterKeySource(variable=value)


def master_key_of_environment(environ: Mapping[str, str], prefix: str) -> MasterKeySource | None:
    """Returns where <prefix>MASTER_KEY, _FILE or _COMMAND say that the key is, None without one of them;
    raises ConfigError for several."""
    given = [name for name in ("", "_FILE", "_COMMAND") if environ.get(f"{prefix}{VARIABLE}{name}")]
    if len(given) > 1:
        names = " and ".join(f"{prefix}{VARIABLE}{name}" for name in given)
        raise ConfigError(f"{names} must not be set together")
    if not given:
        return None
    value = environ[f"{prefix}{VARIABLE}{given[0]}"]
    if given[0] == "_FILE":
        return MasterKeySource(file=Path(value))
    if given[0] == "_COMMAND":
        try:
            return MasterKeySource(command=tuple(shlex.split(value)))
        except ValueError as problem:
            raise ConfigError(f"{prefix}{VARIABLE}_COMMAND: {problem}") from problem
    return MasterKeySource(variable=f"{prefix}{VARIABLE}")
