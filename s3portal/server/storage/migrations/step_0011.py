"""Multipart uploads at the targets of replication whose task has gone: with its rule, or with its bucket.

A task notes which upload it has begun, and now also where. When such a task is deleted, however that happens,
its upload is noted in the same transaction, to be aborted at the target. A task that is done forgets its
upload before.
"""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE replication_tasks ADD COLUMN upload_connection TEXT",
    "ALTER TABLE replication_tasks ADD COLUMN upload_bucket TEXT",
    """
    CREATE TABLE replication_ended_uploads (
        number INTEGER PRIMARY KEY,
        connection TEXT NOT NULL,
        bucket TEXT NOT NULL,
        key BLOB NOT NULL,
        upload_id TEXT NOT NULL,
        ended_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_at INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX replication_ended_uploads_by_connection ON replication_ended_uploads (connection, due_at)",
    """
    CREATE TRIGGER replication_upload_ended AFTER DELETE ON replication_tasks
    WHEN OLD.upload_id IS NOT NULL AND OLD.upload_connection IS NOT NULL
    BEGIN
        INSERT INTO replication_ended_uploads (connection, bucket, key, upload_id, ended_at)
        VALUES (
            OLD.upload_connection, OLD.upload_bucket, OLD.key,
            substr(OLD.upload_id, instr(OLD.upload_id, ' ') + 1),
            CAST(strftime('%s', 'now') AS INTEGER) * 1000
        );
    END
    """,
)
