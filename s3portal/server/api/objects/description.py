"""What an object is stored with, besides its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """``headers`` are those it is served with; ``tags``, ``lock`` and ``acl`` are JSON as StoredObject has
    them, None without."""

    headers: Mapping[str, str]
    tags: str | None = None
    lock: str | None = None
    acl: str | None = None
