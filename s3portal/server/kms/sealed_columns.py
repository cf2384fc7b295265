"""How a room tells which columns of its tables the master key sealed, so that a new key can take its place.

A room that keeps a secret in a table declares the column once, and seals and opens with it::

    SECRETS = SealedColumn("access_keys", "secret", "access-key/{access_key_id}")

    sealed = SECRETS.seal(master_key, secret, access_key_id="AKIA...")
    secret = SECRETS.open(master_key, sealed, access_key_id="AKIA...")

The fields of the context are columns of the same row that never change; bytes are written in hexadecimal. The
column is a BLOB; NULL stays NULL. The column is then added to ``s3portal.server.rewrapping.SEALED``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from s3portal.server.kms.master_key import MasterKey


@dataclass(frozen=True)
class SealedColumn:
    """A column whose values the master key sealed. ``context`` is a text with columns of the row in braces;
    ``where`` is the SQL condition of the rows that are sealed, for a column that is not always."""

    table: str
    column: str
    context: str
    where: str = "TRUE"

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that the context is made of."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.context) if name is not None)

    def seal(self, master_key: MasterKey, plain: bytes, **row: object) -> bytes:
        """Returns the value to store; ``row`` has the columns of the context. Raises what MasterKey does."""
        return master_key.seal(plain, self._context_of(row))

    def open(self, master_key: MasterKey, sealed: bytes, **row: object) -> bytes:
        """Returns what a stored value holds. Raises what MasterKey does."""
        return master_key.open(sealed, self._context_of(row))

    def _context_of(self, row: Mapping[str, object]) -> bytes:
        texts = {name: value.hex() if isinstance(value, bytes) else str(value) for name, value in row.items()}
        return self.context.format(**texts).encode()
