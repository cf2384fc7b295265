"""Faults that a configuration file asks for: the one way from a server's start to the testing room.

Nothing of that room is imported unless the file has ``faults``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from s3portal.server.gateway.pipeline import Around


def fault_fields() -> Collection[str]:
    """Returns the names that a fault may have in the file."""
    from s3portal.server.testing.fault import Fault

    return Fault.__dataclass_fields__


def read_fault(entry: Mapping[str, Any]) -> Any:
    """Returns the Fault of an entry; raises TypeError and ValueError, whose messages say why."""
    from s3portal.server.testing.fault import Fault

    return Fault(**entry)


def around_of(faults: Iterable[Any]) -> Around:
    """Returns what makes the faults happen."""
    from s3portal.server.testing.faults import Faults

    standing = Faults()
    for fault in faults:
        standing.add_fault(fault)
    return standing
