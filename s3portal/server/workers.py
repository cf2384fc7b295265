"""Several processes of one server: they share the folder and the listening socket.

The supervisor takes the folder, puts it in order, listens, and starts the workers; each is a whole server. A
worker that dies is replaced. Workers end when the supervisor does: it holds the other end of a pipe.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from s3portal.server.config import ServerConfig
from s3portal.server.config_watch import ConfigFile, with_users
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.gateway.metrics import Metrics
from s3portal.server.gateway.pipeline import Around
from s3portal.server.http.failure_counts import FailureCounts
from s3portal.server.http.limits import ConnectionLimits
from s3portal.server.http.server import listen_on
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.running import (
    FrontEnd,
    S3Server,
    create_buckets,
    new_metrics_memory,
    replicate_as_configured,
)
from s3portal.server.storage.folder import Folder
from s3portal.server.storage.storage import Role, Storage

# A worker that lives shorter than this is not replaced at once: its successor would fare no better.
SHORT_LIFE_S = 1.0
# How long workers may take to end before they are killed.
PATIENCE_S = 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger(__name__)


class Supervisor:
    """A server in ``count`` processes. ``serve`` starts them and returns when all have ended, after SIGTERM
    or SIGINT. It has one thread, so that it can fork.

    ``new_around`` makes what stands around the operations of a worker, for tests. ``jobs`` are the names of
    what one of the workers does in the background. ``front_end`` listens already: every worker has it.
    Each reads users, roles and replication again when ``config_file`` changes.
    Raises what S3Server raises.
    """

    def __init__(
        self,
        root: Path,
        config: ServerConfig,
        *,
        host: str,
        port: int,
        count: int,
        log_file: Path | None = None,
        new_around: Callable[[], Around] | None = None,
        jobs: Collection[str] = (),
        front_end: FrontEnd | None = None,
        config_file: ConfigFile | None = None,
    ) -> None:
        self._jobs = jobs
        self._config_file = config_file
        self._front_end = front_end
        self._root, self._host, self._log_file, self._new_around = root, host, log_file, new_around
        self._count = count
        self._folder = Folder(root)
        try:
            storage = Storage(root, config.disk_reserve_bytes, role=Role.SUPERVISOR, folder=self._folder)
            try:
                config, self.root_key_file = with_users(root, config)
                create_buckets(storage, config)
                # Made here, so that all workers read the same.
                storage.server_key()
                # A mistake is found out here, and not by every worker.
                master_key = MasterKey(root, config.master_key)
                master_key.check()
                replicate_as_configured(storage, master_key, config)
            finally:
                storage.close()
            if config.tls is not None:
                # Found out here, and not by every worker.
                config.tls.load()
            self._listener = listen_on(host, port)
        except BaseException:
            self._folder.close()
            raise
        self._config = replace(config, limits=share_of(config.limits, count))
        self._port: int = self._listener.getsockname()[1]
        self._alive_end, self._held_end = os.pipe()
        self._started_at: dict[int, float] = {}
        # Before any worker is forked, so that all count in it; a successor where its predecessor did.
        self._metrics_memory = new_metrics_memory(count)
        self._failure_counts = FailureCounts()
        self._places: dict[int, int] = {}
        self._stopping = False

    @property
    def endpoint(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._config.tls else 'http'}://{host}:{self._port}"

    def serve(self) -> None:
        """Runs the workers until a signal ends them all."""
        for signum in _SIGNALS:
            signal.signal(signum, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        for place in range(self._count):
            self._start(Role.WORKER, place)
        in_order = True
        while self._started_at:
            pid, status = os.wait()
            lived_s = time.monotonic() - self._started_at.pop(pid)
            place = self._places.pop(pid)
            if status:
                in_order = False
                log.warning("worker %d ended with status %d", pid, os.waitstatus_to_exitcode(status))
            if self._stopping:
                continue
            if lived_s < SHORT_LIFE_S:
                time.sleep(SHORT_LIFE_S)
            self._start(Role.SUCCESSOR, place)
        signal.alarm(0)
        self._listener.close()
        if in_order:
            self._folder.mark_in_order()
        self._folder.close()

    def _start(self, role: Role, place: int) -> None:
        # A signal between the fork and the note of the worker would not reach it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = 0 if self._stopping else os.fork()
        if pid == 0 and not self._stopping:
            self._work(role, place)
        if pid:
            self._places[pid] = place
            self._started_at[pid] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping = True
        signal.alarm(PATIENCE_S)
        self._signal_all(signal.SIGTERM)

    def _kill(self, signum: int, frame: FrameType | None) -> None:
        log.warning("workers that did not end within %d seconds are killed", PATIENCE_S)
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, signum: int) -> None:
        for pid in self._started_at:
            try:
                os.kill(pid, signum)
            except ProcessLookupError as gone:
                log.debug("worker %d has ended already: %s", pid, gone)

    def _work(self, role: Role, place: int) -> NoReturn:
        """What a worker does, from the fork to its end."""
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            os.close(self._held_end)
            run_worker(self._new_server(role, place), self._alive_end)
            status = 0
        except Exception:
            log.exception("a worker failed")
        finally:
            os._exit(status)

    def _new_server(self, role: Role, place: int) -> S3Server:
        storage = Storage(self._root, self._config.disk_reserve_bytes, role=role, folder=self._folder)
        return S3Server(
            self._root,
            self._config,
            host=self._host,
            port=self._port,
            access_log=AccessLog(self._log_file),
            around=self._new_around() if self._new_around else None,
            storage=storage,
            listener=self._listener,
            jobs=self._jobs,
            front_end=self._front_end,
            config_file=self._config_file,
            metrics=Metrics(self._metrics_memory, place),
            failure_counts=self._failure_counts,
        )


def run_worker(server: S3Server, alive_end: int) -> None:
    """Serves until a signal comes or the supervisor has gone, and returns when everything is closed."""
    ended, ends = os.pipe()
    # Python's own handlers run in the main thread alone, which is not woken by a signal that another thread
    # got. What is written here wakes it.
    os.set_blocking(ends, False)
    signal.set_wakeup_fd(ends)
    for signum in _SIGNALS:
        signal.signal(signum, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def watch() -> None:
        # Nothing is ever written: it returns at the end of the process that holds the other end.
        os.read(alive_end, 1)
        os.write(ends, b"x")

    def serve() -> None:
        try:
            server.serve()
        finally:
            os.write(ends, b"x")

    for target in (watch, serve):
        threading.Thread(target=target, name=f"s3-{target.__name__}", daemon=True).start()
    os.read(ended, 1)
    server.stop()


def share_of(limits: ConnectionLimits, count: int) -> ConnectionLimits:
    """Returns the limits of one of ``count`` workers; together they hold about as much as one process."""
    own = limits.connections_per_address
    return replace(
        limits,
        connections=-(-limits.connections // count),
        connections_per_address=None if own is None else -(-own // count),
    )
