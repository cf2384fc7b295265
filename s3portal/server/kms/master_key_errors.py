"""What can be wrong with a master key; every message says what to do."""

from __future__ import annotations

from pathlib import Path


class MasterKeyError(RuntimeError):
    """The master key cannot be used."""


class MasterKeyMissing(MasterKeyError):
    """The folder has sealed content, but its master key is not where it should be."""

    def __init__(self, place: str, note: Path) -> None:
        super().__init__(
            f"The master key of this folder is not in {place}. Restore it from its backup: what is sealed "
            f"with it cannot be read without it. Only if it is lost for good, remove {note}, and a new key "
            "is made; what was sealed before stays unreadable."
        )


class MasterKeyUnreadable(MasterKeyError):
    """The place of the master key holds something else."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            f"The master key in {place} cannot be used: {reason}. A key is 32 bytes in base64 or as 64 "
            "hexadecimal digits; the first one seals, the others only open."
        )


class WrongMasterKey(MasterKeyError):
    """Something was sealed with a key that is not among the given ones."""

    def __init__(self, key_id: str, place: str) -> None:
        self.key_id = key_id
        super().__init__(
            f"This was sealed with the master key {key_id}, which is not in {place}. Put that key there, "
            "after the present one, then run 's3portal server rewrap'."
        )


class SealBroken(MasterKeyError):
    """The bytes were changed, or sealed in another context."""

    def __init__(self) -> None:
        super().__init__(
            "Sealed content has been changed, or is not where it was sealed. Restore the database from a "
            "backup."
        )
