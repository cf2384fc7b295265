"""Where the master key comes from: a file, a variable of the environment, or what a command prints."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s3portal.server.kms.master_key_errors import MasterKeyUnreadable

KEY_BYTES = 32
COMMAND_LIMIT_S = 60
#: Under which name the context of a command has the source that the configuration names.
KEY_SOURCE = "s3portal.server.master_key"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MasterKeySource:
    """At most one of them is given; with none, it is the file ``master.key`` of the server's folder, which is
    made at first need. A file that is named must exist. ``variable`` is a variable's name, ``command`` a
    program with its arguments, run without a shell."""

    file: Path | None = None
    variable: str | None = None
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.file is not None:
            return str(self.file)
        if self.variable is not None:
            return f"the environment variable {self.variable}"
        return f"the output of {self.command[0]}" if self.command else "the server's folder"


def keys_of(source: MasterKeySource, path: Path) -> list[bytes]:
    """Returns the keys of a source, none where it is not there; ``path`` is the file where none is named.

    Raises MasterKeyUnreadable.
    """
    place = str(source) if source != MasterKeySource() else str(path)
    if source.variable is not None:
        return keys_of_text(os.environ.get(source.variable, "").encode(), place)
    if source.command:
        return keys_of_text(_output_of(source.command, place), place)
    return keys_of_file(source.file or path)


def keys_of_file(path: Path) -> list[bytes]:
    """Returns the keys of a file, none where there is no file. Raises MasterKeyUnreadable."""
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise MasterKeyUnreadable(str(path), problem.strerror or str(problem)) from problem
    if mode & 0o077:
        log.warning("%s can be read by other users of this machine: chmod 600 %s", path, path)
    keys = keys_of_text(content, str(path))
    if not keys:
        raise MasterKeyUnreadable(str(path), "it is empty")
    return keys


def keys_of_text(content: bytes, place: str) -> list[bytes]:
    """Returns the keys of a text: one or several, with white space between them; 32 bytes are one key as they
    are. Raises MasterKeyUnreadable."""
    if len(content) == KEY_BYTES:
        return [content]
    return [_key_of(word, place) for word in content.split()]


def text_of_keys(keys: Sequence[bytes]) -> bytes:
    """Returns the content of a key file."""
    return b"".join(base64.b64encode(key) + b"\n" for key in keys)


def _key_of(word: bytes, place: str) -> bytes:
    if len(word) == 2 * KEY_BYTES:
        try:
            return binascii.unhexlify(word)
        except binascii.Error as problem:
            raise MasterKeyUnreadable(place, "it is not hexadecimal") from problem
    try:
        key = base64.b64decode(word, validate=True)
    except binascii.Error as problem:
        raise MasterKeyUnreadable(place, "it is not base64") from problem
    if len(key) != KEY_BYTES:
        raise MasterKeyUnreadable(place, f"it has {len(key)} bytes")
    return key


def _output_of(command: Sequence[str], place: str) -> bytes:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MasterKeyUnreadable(place, str(problem)) from problem
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MasterKeyUnreadable(
            place, f"it ended with status {done.returncode}{f' ({said[-1]})' if said else ''}"
        )
    return done.stdout
