"""The replication job: plans every second, and works on each connection in a thread of its own, so that a
slow target holds up no other."""

from __future__ import annotations

import importlib
import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from s3portal.server.background.replication.ended_uploads import abort_ended
from s3portal.server.background.replication.errors import NotReplicated, Refused, Stopping, TargetDown
from s3portal.server.background.replication.planning import plan
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.replication import connections, rules
from s3portal.server.storage import replication_backlog as backlog
from s3portal.server.storage import replication_connections, replication_ended_uploads
from s3portal.server.storage.replicas import MARKS_KEPT_MS
from s3portal.server.storage.replication_backlog import Done, Postponed, Task
from s3portal.server.storage.replication_connections import Connection
from s3portal.server.storage.storage import Storage, now_ms
from s3portal.server.wire.errors import S3Error

if TYPE_CHECKING:
    from s3portal.server.background.replication.client import TargetClient
    from s3portal.server.background.replication.sending import Sending

EVERY_S = 1.0
TASKS_AT_ONCE = 64
SETTLE_EVERY_S = 0.2
#: Requests to one target at a time.
THREADS_PER_TARGET = 4
CONNECTIONS_AT_ONCE = 16
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 3600.0
FORGET_EVERY_S = 3600.0
#: A target that is down is tried this often.
LONGEST_REST_S = 300.0
_ROOM = "s3portal.server.background.replication"

log = logging.getLogger(__name__)


def pause_s(attempts: int, longest_s: float = LONGEST_PAUSE_S) -> float:
    """Returns how long to wait after so many failures: twice as long each time, with jitter, so that what
    failed together is not tried again together."""
    whole_s: float = min(FIRST_PAUSE_S * 2 ** min(attempts, 20), longest_s)
    return whole_s * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)


def new_client(connection: Connection, secret_access_key: str) -> TargetClient:
    """Returns a client of a connection. botocore is loaded here, where there is something to replicate."""
    module = importlib.import_module(f"{_ROOM}.client")
    client: TargetClient = module.TargetClient(
        connection.endpoint, connection.region, connection.access_key_id, secret_access_key
    )
    return client


class _Link:
    """A connection in use: its client, and how long it rests after failures."""

    def __init__(self, connection: Connection, client: TargetClient) -> None:
        self.connection, self.client = connection, client
        self._failures = 0
        self._rests_until = 0.0
        self._lock = threading.Lock()

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self._rests_until

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self, problem: NotReplicated) -> None:
        with self._lock:
            if self.is_resting:
                return
            rest_s = pause_s(self._failures, LONGEST_REST_S)
            self._failures += 1
            self._rests_until = time.monotonic() + rest_s
        log.warning("replication to %s rests for %.0f s: %s", self.connection.name, rest_s, problem)

    def wake(self) -> None:
        self._rests_until = 0.0


class ReplicationJob:
    """Replicates what changes in buckets with rules. ``keys`` open what is stored encrypted; ``connect``
    makes the client of a connection, and ``follow`` is called before each look at what has changed."""

    name = "replication"

    def __init__(
        self,
        storage: Storage,
        master_key: MasterKey,
        keys: AdministratorsKeys | None = None,
        connect: Callable[[Connection, str], TargetClient] = new_client,
        follow: Callable[[], None] | None = None,
    ) -> None:
        self._storage = storage
        self._master_key = master_key
        self._keys = keys or AdministratorsKeys(storage, master_key)
        self._connect = connect
        self._follow = follow
        self._links: dict[str, _Link] = {}
        self._seen: object = None
        self._forgets_at = 0.0

    def run(self, stopping: threading.Event) -> float:
        """Returns only once ``stopping`` is set, or raises: the threads of the connections have ended
        then."""
        ending = threading.Event()
        running: dict[tuple[str, str], Future[None]] = {}
        with ThreadPoolExecutor(CONNECTIONS_AT_ONCE, thread_name_prefix="s3-replication") as pool:
            try:
                while not stopping.is_set():
                    self.plan(stopping)
                    for work, names in ((self._work_on, self._ready()), (self._abort, self._to_abort())):
                        for name in names:
                            known = running.get((work.__name__, name))
                            if known is None or known.done():
                                running[work.__name__, name] = pool.submit(work, name, ending)
                    stopping.wait(EVERY_S)
            finally:
                ending.set()
                links, self._links = self._links, {}
                for link in links.values():
                    link.client.interrupt()
        return EVERY_S

    def run_once(self, stopping: threading.Event) -> None:
        """Does all that is due now, in this thread, whether a target rests or not."""
        while self.plan(stopping):
            pass
        for link in self._links.values():
            link.wake()
        for name in self._ready():
            self._work_on(name, stopping)
        for name in self._to_abort():
            self._abort(name, stopping)

    def plan(self, stopping: threading.Event) -> int:
        """Makes tasks of changes; returns of how many."""
        if self._follow is not None:
            self._follow()
        found = rules.with_rules(self._storage)
        seen = [(bucket.bucket_id, replication) for bucket, replication in found]
        if seen != self._seen:
            # Another process may have changed them beside the server, which remembers its buckets.
            self._storage.known_buckets.forget()
        self._seen = seen
        if time.monotonic() >= self._forgets_at:
            # Also where there are only replicas, and no rules.
            self._forgets_at = time.monotonic() + FORGET_EVERY_S
            backlog.forget_old_marks(self._storage, now_ms() - MARKS_KEPT_MS)
        return plan(self._storage, stopping) if found else 0

    def _ready(self) -> list[str]:
        """Returns the connections that have enabled rules and do not rest; renews their clients where they
        were changed."""
        wanted = {
            rule.connection
            for _, found in rules.with_rules(self._storage)
            for rule in found.rules
            if rule.enabled
        }
        return self._linked(wanted) if wanted else []

    def _to_abort(self) -> list[str]:
        """Returns the connections at whose targets uploads are to be aborted."""
        due = replication_ended_uploads.connections_due(self._storage, now_ms())
        return self._linked(set(due)) if due else []

    def _linked(self, wanted: set[str]) -> list[str]:
        """Returns which of these connections there are and do not rest; renews their clients."""
        for stored in replication_connections.with_removed(self._storage):
            link = self._links.get(stored.name)
            if stored.name in wanted and (link is None or link.connection != stored):
                secret = connections.secret_of(self._master_key, stored)
                self._links[stored.name] = _Link(stored, self._connect(stored, secret))
        return [name for name in sorted(wanted & set(self._links)) if not self._links[name].is_resting]

    def _abort(self, name: str, stopping: threading.Event) -> None:
        """Aborts the uploads at a target that nothing continues."""
        link = self._links.get(name)
        if link is None:
            return
        try:
            abort_ended(self._storage, name, link.client, stopping)
        except Exception:
            # The thread's end would be nobody's to notice.
            log.exception("uploads at %s are not aborted", name)

    def _work_on(self, name: str, stopping: threading.Event) -> None:
        """Does the tasks of a connection that are due, until there are none, or the target rests."""
        link = self._links.get(name)
        if link is None:
            # The server is being stopped.
            return
        try:
            with ThreadPoolExecutor(THREADS_PER_TARGET, thread_name_prefix=f"s3-to-{name}") as pool:
                running: dict[Future[Done | Postponed | None], Task] = {}
                while True:
                    if not stopping.is_set() and not link.is_resting and len(running) < TASKS_AT_ONCE:
                        running |= self._begin_more(link, pool, running.values(), stopping)
                    if not running:
                        return
                    # A large object must not hold up what is known of the others.
                    ended, _ = wait(running, SETTLE_EVERY_S)
                    self._settle([future.result() for future in ended])
                    running = {future: task for future, task in running.items() if future not in ended}
        except Exception as problem:
            # The thread's end would be nobody's to notice.
            log.exception("replication to %s failed", name)
            link.failed(TargetDown(f"{type(problem).__name__}: {problem}"))

    def _begin_more(
        self, link: _Link, pool: ThreadPoolExecutor, running: Collection[Task], stopping: threading.Event
    ) -> dict[Future[Done | Postponed | None], Task]:
        """Begins the tasks of a connection that are due; of no key with one that is running."""
        sending = importlib.import_module(f"{_ROOM}.sending")
        busy = {(task.bucket_id, task.rule_id, task.key) for task in running}
        begun: dict[Future[Done | Postponed | None], Task] = {}
        for bucket, found in rules.with_rules(self._storage):
            for rule in found.rules:
                if rule.connection != link.connection.name or not rule.enabled:
                    continue
                limit = TASKS_AT_ONCE + len(busy)
                due = backlog.due(self._storage, bucket.bucket_id, rule.rule_id, now_ms(), limit)
                tasks = [task for task in due if (task.bucket_id, task.rule_id, task.key) not in busy]
                if not tasks:
                    continue
                backlog.begin(self._storage, tasks)
                given = sending.Sending(
                    self._storage, self._keys, bucket.name, bucket.versioning, rule, link.client, stopping
                )
                begun |= {pool.submit(_perform, sending.perform, given, task, link): task for task in tasks}
        return begun

    def _settle(self, outcomes: Sequence[Done | Postponed | None]) -> None:
        done = [one for one in outcomes if isinstance(one, Done)]
        postponed = [one for one in outcomes if isinstance(one, Postponed)]
        if done or postponed:
            backlog.settle(self._storage, done, postponed, now_ms())


def _perform(
    perform: Callable[[Sending, Task], Done], given: Sending, task: Task, link: _Link
) -> Done | Postponed | None:
    """Does a task; returns what became of it, None where it was not done because something else ends."""
    if given.stopping.is_set() or link.is_resting:
        return None
    due_at = now_ms() + int(1000 * pause_s(task.attempts))
    try:
        done = perform(given, task)
    except Stopping:
        return None
    except TargetDown as problem:
        link.failed(problem)
        return Postponed(task, due_at, str(problem), False)
    except (Refused, S3Error, OSError) as problem:
        log.warning("%s/%s is not replicated by %s: %s", given.bucket, task.key, task.rule_id, problem)
        return Postponed(task, due_at, str(problem), True)
    except Exception as problem:
        # Whatever it is: the other objects are not to wait for it.
        log.exception("%s/%s is not replicated by %s", given.bucket, task.key, task.rule_id)
        return Postponed(task, due_at, f"{type(problem).__name__}: {problem}", True)
    link.succeeded()
    return done
