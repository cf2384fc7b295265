"""Names of plain files for keys: the key itself where a file system can have it, and another name where not.

A key may be anything: a path out of the folder, a file where another key needs a folder, two keys that differ
in case alone on a file system that does not tell them apart. What cannot be a path gets a name that is made
from the key, so that it is the same in every run.
"""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
from collections.abc import Callable
from pathlib import Path

#: The folder of what is not the bucket's, at the top of an exported folder.
OWN_FOLDER = ".s3portal-export"
ODD_FOLDER = f"{OWN_FOLDER}/odd"
# https://man7.org/linux/man-pages/man7/path_resolution.7.html: NAME_MAX; PATH_MAX with room for the folder.
NAME_LIMIT_BYTES = 255
PATH_LIMIT_BYTES = 3000
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
_WINDOWS_CHARACTERS = frozenset('<>:"|?*\\')
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)


def refusal(key: str, *, portable: bool) -> str | None:
    """Returns why a key cannot be a path, None where it can. A key that ends with "/" is judged without it.

    ``portable`` also refuses what Windows cannot have.
    """
    path = key.removesuffix("/")
    if len(path.encode()) > PATH_LIMIT_BYTES:
        return "the key is too long for a path"
    for name in path.split("/"):
        problem = _refusal_of_name(name, portable)
        if problem:
            return problem
    if path.split("/")[0].casefold() == OWN_FOLDER:
        return f"{OWN_FOLDER} is the export's own folder"
    return None


def _refusal_of_name(name: str, portable: bool) -> str | None:
    if name in ("", ".", ".."):
        return "the key has an empty name, '.' or '..' between its slashes"
    if len(name.encode()) > NAME_LIMIT_BYTES:
        return f"a name in the key has more than {NAME_LIMIT_BYTES} bytes"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "the key has control characters"
    if portable and (
        _WINDOWS_CHARACTERS & set(name)
        or name[-1] in ". "
        or name.split(".")[0].rstrip().casefold() in _WINDOWS_DEVICES
    ):
        return "Windows cannot have a name in the key"
    return None


def odd_name(key: str) -> str:
    """Returns the path of what cannot have its key for one, from the top of the exported folder."""
    return f"{ODD_FOLDER}/{hashlib.sha256(key.encode()).hexdigest()[:40]}"


def folded(path: str) -> str:
    """Returns what two paths have in common that a file system may take for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def distinguishes_case(folder: Path) -> bool:
    """Whether a folder's file system has two files for two names that differ in case."""
    probe = folder / "case-probe"
    probe.touch()
    try:
        return not (folder / "CASE-PROBE").exists()
    finally:
        probe.unlink()


class Names:
    """Chooses names, key by key; remembers in a file, not in memory, which were given to other keys.

    ``is_folder`` tells whether there are keys below a key and a slash.
    """

    def __init__(self, path: Path, *, portable: bool, folds: bool, is_folder: Callable[[str], bool]) -> None:
        self._portable = portable
        self._folds = folds
        self._is_folder = is_folder
        self._given = sqlite3.connect(path, isolation_level=None)
        self._given.execute("PRAGMA synchronous = OFF")
        self._given.execute("CREATE TABLE IF NOT EXISTS given (folded TEXT PRIMARY KEY, path TEXT NOT NULL)")

    def choose(self, key: str, size_bytes: int) -> tuple[str, str | None]:
        """Returns a key's path from the top of the folder, and why it is not the key itself, or None."""
        problem = refusal(key, portable=self._portable)
        if problem is None and key.endswith("/") and size_bytes:
            problem = "the key is that of a folder, and the object has content"
        if problem is None and not key.endswith("/") and self._is_folder(f"{key}/"):
            problem = "other keys need a folder of this name"
        if problem is None and self._folds:
            problem = self._collision(key)
        return (key, None) if problem is None else (odd_name(key), problem)

    def _collision(self, key: str) -> str | None:
        """Takes a key's folders and its name, unless another key has one of them in other letters."""
        names = key.removesuffix("/").split("/")
        paths = ["/".join(names[: count + 1]) for count in range(len(names))]
        for path in paths:
            row = self._given.execute("SELECT path FROM given WHERE folded = ?", (folded(path),)).fetchone()
            if row is not None and row[0] != path:
                return f"{row[0]} differs from it in letter case or accents alone"
        self._given.executemany(
            "INSERT OR IGNORE INTO given VALUES (?, ?)", [(folded(path), path) for path in paths]
        )
        return None

    def close(self) -> None:
        self._given.close()
