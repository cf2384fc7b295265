"""A server in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from s3portal.server.background.integrity_scan import IntegrityScan
from s3portal.server.background.lifecycle import LifecycleJob
from s3portal.server.background.notifications import NotificationJob
from s3portal.server.background.replication.job import ReplicationJob
from s3portal.server.config import ServerConfig, config_of_json
from s3portal.server.config_watch import ConfigFile
from s3portal.server.gateway.access_log import AccessLog, RequestRecord
from s3portal.server.running import FrontEnd, S3Server
from s3portal.server.testing.faults import Faults
from s3portal.server.testing.movable_clock import Clocked, MovableClock
from s3portal.server.testing.snapshots import Snapshot, forget_all

# A rate at which nothing has to wait.
_UNHURRIED = 10**15


class RunningServer:
    """A server in a thread of this process; use it as a context manager, or call ``stop``.

    ``config`` is a ServerConfig, or what the JSON configuration file would hold. It runs once made, and a
    ``front_end`` beside it.
    """

    def __init__(
        self,
        root: Path | str,
        config: ServerConfig | Mapping[str, Any] | Path,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        front_end: FrontEnd | None = None,
    ) -> None:
        config_file = ConfigFile(config, {}) if isinstance(config, Path) else None
        if isinstance(config, Path):
            config = ConfigFile(config, {}).read()
        if not isinstance(config, ServerConfig):
            config = config_of_json(config)
        self._log = AccessLog(log, keep=True)
        forget_all(Path(root))
        #: What goes wrong, and what is held back; changed while the server runs.
        self.faults = Faults()
        for fault in config.faults:
            self.faults.add_fault(fault)
        #: What signatures, sessions and everything stored are held against.
        self.clock = MovableClock()
        self._server = S3Server(
            Path(root),
            config,
            host=host,
            port=port,
            access_log=self._log,
            around=Clocked(self.clock, self.faults),
            now=self.clock.now,
            front_end=front_end,
            config_file=config_file,
        )
        self._config = config
        self._notifications = self._new_notifications()
        self._replication = ReplicationJob(
            self._server.storage,
            self._server.master_key,
            self._server.keys,
            follow=self._server.replication_follower.look,
        )
        self.users = {user.name: user for user in self._server.users}
        self._thread = threading.Thread(target=self._server.serve, name="s3-server", daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """The address, like http://127.0.0.1:40001."""
        return self._server.endpoint

    @property
    def port(self) -> int:
        return self._server.http.port

    @property
    def requests(self) -> list[RequestRecord]:
        """What was answered so far, in that order. A request is in it once its caller has the answer."""
        return self._log.requests

    def wait_until_idle(self, timeout_s: float = 120.0) -> None:
        """Waits until no request is running, so that none ends in a log that was cleared meanwhile."""
        self._log.wait_until_idle(timeout_s)

    def advance_clock(self, seconds: float) -> None:
        """Moves the clock that signatures, URLs and sessions are held against: what would expire, has."""
        self.clock.advance(seconds)

    def snapshot(self) -> Snapshot:
        """Returns the whole state, for ``restore``: buckets with their settings, objects, versions, uploads.

        Waits until no request is running. Takes milliseconds, and no space for what is not changed later.
        """
        self.wait_until_idle()
        return Snapshot(self._server.storage)

    def _new_notifications(self) -> NotificationJob:
        config = self._config
        return NotificationJob(self._server.storage, config.notification_targets, config.region)

    def restore(self, snapshot: Snapshot) -> None:
        """Makes the state what it was, once no request is running. The clock, faults and the log of requests
        stay as they are."""
        self.wait_until_idle()
        snapshot.restore()
        # It would take the changes from here on for those that it has seen.
        self._notifications = self._new_notifications()

    def run_lifecycle(self) -> None:
        """Applies the lifecycle rules of all buckets by the clock, as a server does once an hour."""
        with self.clock.applied():
            LifecycleJob(self._server.storage, pause_s=0).run(threading.Event())

    def run_notifications(self) -> None:
        """Sends the notifications that are due by the clock, as a server does every second."""
        with self.clock.applied():
            self._notifications.run(threading.Event())

    def run_replication(self) -> None:
        """Replicates all that is due, as a server does every second, and returns when it is at its targets,
        or was refused."""
        self._replication.run_once(threading.Event())

    def run_integrity_scan(self) -> None:
        """Reads everything that is stored and notes what has changed, as a server does in the background."""
        with self.clock.applied():
            scan = IntegrityScan(self._server.storage, self._server.keys, bytes_per_s=_UNHURRIED, round_s=0)
            scan.run(threading.Event())

    def stop(self) -> None:
        """Stops the server; what it stored stays. May be called twice."""
        if self._thread.is_alive():
            self._server.stop(grace_s=2.0)
            self._thread.join()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
