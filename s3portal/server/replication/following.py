"""The connections and rules of the configuration file, followed while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError
from s3portal.server.replication import configured
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error

#: Connections, and pairs of a bucket and a rule of it.
Configured = tuple[Sequence[NewConnection], Sequence[tuple[str, ReplicationRule]]]

log = logging.getLogger(__name__)


class Follower:
    """Brings what is configured into the database when it has changed. ``current`` returns what is configured
    now; what it returns at first has been brought there already. For one thread at a time."""

    def __init__(
        self, storage: Storage, master_key: MasterKey, first: Configured, current: Callable[[], Configured]
    ) -> None:
        self._storage, self._master_key, self._current = storage, master_key, current
        self._known = first

    def look(self) -> None:
        """A mistake is logged once, and everything stays as it was."""
        found = self._current()
        if found == self._known:
            return
        try:
            configured.apply(self._storage, self._master_key, *found)
        except (ConnectionProblem, MasterKeyError, S3Error) as problem:
            log.error("connections and rules of replication stay as they were: %s", problem)
        else:
            log.info("connections and rules of replication were read again")
        self._known = found
