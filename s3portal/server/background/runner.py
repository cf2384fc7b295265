"""Runs the background jobs, each in a thread, in one of the processes that share a folder."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from s3portal.server.background.job import Job
from s3portal.server.storage.clock import now_ms

# How long the others wait before they look again whether the process that runs the jobs has ended.
POLL_S = 5.0
# How long a job that failed waits.
AFTER_FAILURE_S = 60.0

log = logging.getLogger(__name__)


class Background:
    """The jobs of one process, which run once it holds the lock ``path``. The system gives the lock back when
    the process ends, however it ends, and the next one takes over. ``ended`` is told of each run of a job:
    its name, and when it ended well (ms since 1970), or None where it failed."""

    def __init__(
        self, path: Path, jobs: Sequence[Job], ended: Callable[[str, int | None], None] | None = None
    ) -> None:
        self._path = path
        self._ended = ended or (lambda name, at_ms: None)
        self._jobs = jobs
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._descriptor: int | None = None
        #: Set while this process is the one that runs the jobs.
        self.is_leader = threading.Event()

    def start(self) -> None:
        if self._jobs:
            self._thread = threading.Thread(target=self._lead, name="s3-background", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the jobs where they are, and waits for them."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self.is_leader.clear()

    def _lead(self) -> None:
        """Waits for the lock, then runs the jobs."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        while not self._take_lock(self._descriptor):
            if self._stopping.wait(POLL_S):
                return
        self.is_leader.set()
        threads = [
            threading.Thread(target=self._run, args=(job,), name=f"s3-{job.name}", daemon=True)
            for job in self._jobs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @staticmethod
    def _take_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _run(self, job: Job) -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            try:
                pause_s = job.run(self._stopping)
                self._ended(job.name, now_ms())
            except Exception:
                # Nobody waits for its answer; the job is tried again, and its log says why.
                log.exception("the %s job failed and is tried again in %d s", job.name, AFTER_FAILURE_S)
                pause_s = AFTER_FAILURE_S
                self._ended(job.name, None)
