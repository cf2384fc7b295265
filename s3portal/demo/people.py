"""Who and what the embedded portal begins with, and where the passwords are kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from s3portal.demo.secret import kept_secret

ORGANISATION = "the-lab"
DATASET = "rivers"
# No letters and digits that look alike: these are typed in.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Person:
    """A user of the portal."""

    name: str
    full_name: str

    def password(self, folder: Path) -> str:
        """The person's password, made at the first call and kept in the folder."""
        return kept_secret(folder / f"{self.name}-password", new=_readable_password)


ADMIN = Person("admin", "Ada the Administrator")
PUBLISHER = Person("publisher", "Petra the Publisher")
READER = Person("reader", "Rune the Reader")


def token_file(folder: Path) -> Path:
    """Where the publisher's API token is kept."""
    return folder / "publisher-token"


def _readable_password() -> str:
    """Three groups of four characters: 60 random bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
