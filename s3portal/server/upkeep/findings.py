"""What a check of a folder finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

#: The kinds of findings.
DATABASE_DAMAGED = "database-damaged"
BYTES_MISSING = "bytes-missing"
WRONG_SIZE = "wrong-size"
WRONG_BYTES = "wrong-bytes"
INCONSISTENT = "inconsistent-rows"
UNKNOWN_BLOB = "unknown-blob"
DOOMED_BLOB = "doomed-blob"
INCOMING_FILE = "incoming-file"
UNKNOWN_CONTENT = "unknown-content"
UNKNOWN_PARTS = "unknown-parts"
UNKNOWN_BUCKET = "unknown-bucket"
WRONG_COUNTER = "wrong-counter"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and what to do about it.

    ``name`` is what a repair works with: a blob, a bucket, a body id. ``repaired`` says what a repair did.
    """

    kind: str
    message: str
    fix: str
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    repaired: str | None = None


@dataclass
class Checked:
    """What was looked at, counted while it is."""

    objects: int = 0
    versions: int = 0
    uploads: int = 0
    blobs: int = 0
    bytes_read: int = 0


@dataclass(frozen=True)
class Report:
    """A whole check. ``is_served`` says that a server was using the folder meanwhile."""

    findings: list[Finding] = field(default_factory=list)
    checked: Checked = field(default_factory=Checked)
    is_deep: bool = False
    is_served: bool = False

    @property
    def left(self) -> list[Finding]:
        """What is still wrong."""
        return unrepaired(self.findings)


def unrepaired(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.repaired is None]
