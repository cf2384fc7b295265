"""What replication still has to do, and what it has done: changes, tasks and what targets have.

A change is written by the database itself (``migrations/step_0010``); planning makes a task of it for each
rule; a task goes once its version is at the target as it is here.
"""

# ruff: noqa: S608  (what goes into the statements is constants of this file)
from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from s3portal.server.storage import replicas
from s3portal.server.storage.storage import Storage


@dataclass(frozen=True)
class ReplicatedChange:
    """A line of the journal of a bucket with rules. ``at`` is in ms since 1970."""

    sequence: int
    at: int
    bucket_id: int
    key: str
    version_id: str


@dataclass(frozen=True)
class NewTask:
    """What a rule has to do for a version; a later change of the version takes the place of an earlier one.
    Tasks of one key are done in the order of ``sequence``."""

    bucket_id: int
    rule_id: str
    key: str
    version_id: str
    sequence: int
    changed_at: int
    size_bytes: int


@dataclass(frozen=True)
class Task:
    """A task in the database. With ``attempts`` the target may have what it is about already. ``upload_id``
    names the body and the multipart upload at the target that were begun, as ``<body id> <upload id>``."""

    task_id: int
    bucket_id: int
    rule_id: str
    key: str
    version_id: str
    sequence: int
    changed_at: int
    size_bytes: int
    attempts: int
    is_failed: bool
    problem: str | None
    upload_id: str | None


@dataclass(frozen=True)
class Sent:
    """What a target has of a version. ``body_id`` is None for a delete marker; ``attributes`` are its tags
    and its lock as text; ``target_version_id`` is None where the target keeps no versions."""

    body_id: str | None
    attributes: str
    target_version_id: str | None


@dataclass(frozen=True)
class Done:
    """A task that is done. ``sent`` is what the target has now, None where it has nothing (any more)."""

    task: Task
    sent: Sent | None
    sent_bytes: int = 0


@dataclass(frozen=True)
class Postponed:
    """A task that is tried again at ``due_at``. ``is_failed``: for a reason that is the object's own."""

    task: Task
    due_at: int
    problem: str
    is_failed: bool


_TASK = (
    "task_id, bucket_id, rule_id, key, version_id, sequence, changed_at, size_bytes, attempts, is_failed, "
    "problem, upload_id"
)
_INSERT = """
INSERT INTO replication_tasks (bucket_id, rule_id, key, version_id, sequence, changed_at, size_bytes)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET sequence = excluded.sequence, changed_at = excluded.changed_at,
    size_bytes = excluded.size_bytes, due_at = 0, is_failed = 0, problem = NULL
WHERE excluded.sequence > sequence
"""
# Of each key the oldest one. What failed for a reason of its own keeps later versions from nothing.
_DUE = f"""
SELECT {_TASK} FROM replication_tasks AS t
WHERE bucket_id = ?1 AND rule_id = ?2 AND due_at <= ?3 AND NOT EXISTS (
    SELECT 1 FROM replication_tasks AS e WHERE e.bucket_id = t.bucket_id AND e.rule_id = t.rule_id
    AND e.key = t.key AND e.sequence < t.sequence AND NOT e.is_failed
)
ORDER BY due_at, task_id LIMIT ?4
"""
# The number of a task that is gone may be another one's by now.
_SAME = "task_id = ? AND rule_id = ? AND key = ? AND version_id = ?"


def _same(task: Task) -> tuple[object, ...]:
    return task.task_id, task.rule_id, task.key.encode(), task.version_id


def changes(storage: Storage, limit: int) -> list[ReplicatedChange]:
    """Returns up to ``limit`` changes that nobody has planned, in order."""
    with storage.database.read() as connection:
        rows = connection.execute(
            "SELECT sequence, at, bucket_id, key, version_id FROM replication_changes "
            "ORDER BY sequence LIMIT ?",
            (limit,),
        )
        return [
            ReplicatedChange(sequence, at, bucket_id, key.decode(), version_id)
            for sequence, at, bucket_id, key, version_id in rows
        ]


def insert(connection: sqlite3.Connection, tasks: Sequence[NewTask]) -> None:
    """Within a transaction: adds tasks."""
    connection.executemany(
        _INSERT,
        [
            (t.bucket_id, t.rule_id, t.key.encode(), t.version_id, t.sequence, t.changed_at, t.size_bytes)
            for t in tasks
        ],
    )


def forget_changes(connection: sqlite3.Connection, planned: Sequence[ReplicatedChange]) -> None:
    """Within a transaction: removes changes of which tasks were made."""
    connection.executemany(
        "DELETE FROM replication_changes WHERE sequence = ?", [(change.sequence,) for change in planned]
    )


def due(storage: Storage, bucket_id: int, rule_id: str, now: int, limit: int) -> list[Task]:
    """Returns up to ``limit`` tasks of a rule whose time has come, no two of the same key."""
    with storage.database.read() as connection:
        rows = connection.execute(_DUE, (bucket_id, rule_id, now, limit))
        found = [_task_of_row(*row) for row in rows]
    first: dict[str, Task] = {}
    for task in found:
        first.setdefault(task.key, task)
    return list(first.values())


def _task_of_row(task_id: int, bucket_id: int, rule_id: str, key: bytes, *rest: object) -> Task:
    version_id, sequence, changed_at, size_bytes, attempts, is_failed, problem, upload_id = rest
    return Task(
        task_id=task_id,
        bucket_id=bucket_id,
        rule_id=rule_id,
        key=key.decode(),
        version_id=str(version_id),
        sequence=int(str(sequence)),
        changed_at=int(str(changed_at)),
        size_bytes=int(str(size_bytes)),
        attempts=int(str(attempts)),
        is_failed=bool(is_failed),
        problem=None if problem is None else str(problem),
        upload_id=None if upload_id is None else str(upload_id),
    )


def begin(storage: Storage, tasks: Sequence[Task]) -> None:
    """Notes, before anything is sent, that a target may have what these tasks are about."""
    numbers = [(task.task_id,) for task in tasks]

    def change(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "UPDATE replication_tasks SET attempts = attempts + 1 WHERE task_id = ?", numbers
        )

    storage.database.write(change, frees_space=True)


def note_upload(storage: Storage, task: Task, upload_id: str, target: tuple[str, str]) -> bool:
    """Notes the multipart upload of a task, so that another process continues it, and that it is aborted if
    the task goes. ``target`` is the connection and the bucket there. Returns False where the task is gone."""

    def change(connection: sqlite3.Connection) -> bool:
        updated = connection.execute(
            "UPDATE replication_tasks SET upload_id = ?, upload_connection = ?, upload_bucket = ? "
            f"WHERE {_SAME}",
            (upload_id, *target, *_same(task)),
        )
        return updated.rowcount > 0

    return storage.database.write(change, frees_space=True)


def forget_upload(storage: Storage, task: Task) -> None:
    """Notes that a task has no multipart upload (any more): it is completed, or aborted."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(f"UPDATE replication_tasks SET upload_id = NULL WHERE {_SAME}", _same(task))

    storage.database.write(change, frees_space=True)


def settle(storage: Storage, done: Sequence[Done], postponed: Sequence[Postponed], now: int) -> None:
    """Ends tasks and notes what the target has; postpones others. What changed meanwhile stays to be done."""

    def change(connection: sqlite3.Connection) -> None:
        for one in done:
            _note_sent(connection, one, now)
            # What is done has no upload left: its deletion is not to note one.
            connection.execute(
                "UPDATE replication_tasks SET upload_id = NULL WHERE task_id = ? AND sequence = ?",
                (one.task.task_id, one.task.sequence),
            )
            connection.execute(
                "DELETE FROM replication_tasks WHERE task_id = ? AND sequence = ?",
                (one.task.task_id, one.task.sequence),
            )
        connection.executemany(
            "UPDATE replication_tasks SET due_at = ?, problem = ?, is_failed = ? "
            "WHERE task_id = ? AND sequence = ?",
            [
                (one.due_at, one.problem, one.is_failed, one.task.task_id, one.task.sequence)
                for one in postponed
            ],
        )

    storage.database.write(change, frees_space=True)


def _note_sent(connection: sqlite3.Connection, done: Done, now: int) -> None:
    task = done.task
    row = connection.execute(
        "SELECT 1 FROM replication_tasks WHERE task_id = ? AND rule_id = ?", (task.task_id, task.rule_id)
    ).fetchone()
    if row is None:
        # The rule was deleted meanwhile, and all that was known of it.
        return
    place = (task.bucket_id, task.key.encode(), task.version_id, task.rule_id)
    if done.sent is None:
        connection.execute(
            "DELETE FROM replication_sent WHERE bucket_id = ? AND key = ? AND version_id = ? AND rule_id = ?",
            place,
        )
    else:
        sent = (done.sent.body_id, done.sent.attributes, done.sent.target_version_id, now)
        connection.execute(
            "INSERT OR REPLACE INTO replication_sent (bucket_id, key, version_id, rule_id, body_id, "
            "attributes, target_version_id, sent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*place, *sent),
        )
    connection.execute(
        "INSERT INTO replication_rule_states (bucket_id, rule_id, sent_objects, sent_bytes, last_sent_at) "
        "VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET sent_objects = sent_objects + 1, "
        "sent_bytes = sent_bytes + excluded.sent_bytes, last_sent_at = excluded.last_sent_at",
        (task.bucket_id, task.rule_id, done.sent_bytes, now),
    )


def find_sent(storage: Storage, bucket_id: int, rule_id: str, key: str, version_id: str) -> Sent | None:
    """Returns what a rule's target has of a version, None where nothing is known."""
    with storage.database.read() as connection:
        row = connection.execute(
            "SELECT body_id, attributes, target_version_id FROM replication_sent "
            "WHERE bucket_id = ? AND key = ? AND version_id = ? AND rule_id = ?",
            (bucket_id, key.encode(), version_id, rule_id),
        ).fetchone()
    return Sent(*row) if row else None


def status_of(storage: Storage, bucket_id: int, key: str, version_id: str) -> str | None:
    """Returns x-amz-replication-status of a version: PENDING until all targets have it, FAILED where one
    refuses it, COMPLETED; None where no rule is about it.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html
    """
    place = (bucket_id, key.encode(), version_id)
    with storage.database.read() as connection:
        row = connection.execute(
            "SELECT max(is_failed) FROM replication_tasks WHERE bucket_id = ? AND key = ? AND version_id = ?",
            place,
        ).fetchone()
        if row[0] is not None:
            return "FAILED" if row[0] else "PENDING"
        where = "WHERE bucket_id = ? AND key = ? AND version_id = ? LIMIT 1"
        if connection.execute(f"SELECT 1 FROM replication_changes {where}", place).fetchone():
            return "PENDING"
        sent = connection.execute(f"SELECT 1 FROM replication_sent {where}", place).fetchone()
    return "COMPLETED" if sent else None


def tasks_of(storage: Storage, bucket_id: int, *, failed_only: bool = False, limit: int = 1000) -> list[Task]:
    """Returns the open tasks of a bucket, the oldest first."""
    condition = "AND is_failed" if failed_only else ""
    with storage.database.read() as connection:
        rows = connection.execute(
            f"SELECT {_TASK} FROM replication_tasks WHERE bucket_id = ? {condition} "
            "ORDER BY changed_at LIMIT ?",
            (bucket_id, limit),
        )
        return [_task_of_row(*row) for row in rows]


def open_count(storage: Storage, bucket_id: int, rule_id: str) -> int:
    """Returns how many tasks of a rule are open."""
    with storage.database.read() as connection:
        query = "SELECT count(*) FROM replication_tasks WHERE bucket_id = ? AND rule_id = ?"
        count: int = connection.execute(query, (bucket_id, rule_id)).fetchone()[0]
    return count


def hurry(storage: Storage, bucket_id: int, rule_id: str) -> None:
    """Makes the tasks of a rule due now, also those that failed."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE replication_tasks SET due_at = 0 WHERE bucket_id = ? AND rule_id = ?",
            (bucket_id, rule_id),
        )

    storage.database.write(change, frees_space=True)


def forget_old_marks(storage: Storage, before: int) -> None:
    """Forgets when versions were deleted and tagged, where that was ``before``, in ms since 1970."""
    with storage.database.read() as connection:
        query = "SELECT 1 FROM replication_marks WHERE at < ? LIMIT 1"
        if connection.execute(query, (before,)).fetchone() is None:
            return

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM replication_marks WHERE at < ?", (before,))

    storage.database.write(change, frees_space=True)


def marked_at(storage: Storage, bucket_id: int, key: str, version_id: str, kind: str) -> int | None:
    """Returns when a version was deleted or tagged, None where that is not known."""
    with storage.database.read() as connection:
        return replicas.marked_at(connection, bucket_id, key, version_id, kind)
