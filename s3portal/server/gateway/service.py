"""What lives as long as the server, and every operation works with."""

from __future__ import annotations

from dataclasses import dataclass

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.storage.storage import Storage


@dataclass(frozen=True)
class Service:
    """``region`` None means that any is accepted. ``notification_targets`` are the names of those that
    buckets may have their events sent to."""

    storage: Storage
    authenticator: Authenticator
    region: str | None
    base_domain: str | None
    notification_targets: frozenset[str] = frozenset()
