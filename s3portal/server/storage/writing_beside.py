"""A storage for small changes of the database beside the server that owns its folder, or without one.

Only for tables of their own: a server learns of what changes beside it by reading again.
"""

from __future__ import annotations

from pathlib import Path

from s3portal.server.storage.database import Database
from s3portal.server.storage.reader import ReadingStorage


class BesideStorage(ReadingStorage):
    """The storage in a folder, for who writes to the database and to no file.

    Raises NoStorage where there is no folder of a server, or one of another version.
    """

    def __init__(self, root: Path) -> None:
        # Looks whether it is the folder of this version's server, which opening it to write would make it.
        super().__init__(root)
        self.database.close()
        self.database = Database(root / "metadata.sqlite3", turns=root / "turns")

    def require_room(self) -> None:  # type: ignore[override]
        """The reserve is the server's; what is written here is small."""
