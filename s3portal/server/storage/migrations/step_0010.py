"""What replication keeps: connections, who replicates to this server, the backlog, and what was sent.

``replication_changes`` is written by a trigger, in the transaction of the change itself, for buckets that
have rules. Unlike the journal it is never trimmed: a rule that is paused, a target that is down or a server
that runs without the job loses nothing. ``replication_tasks`` has what each rule still has to do for a
version of a key, ``replication_sent`` what a target has of it. ``replication_marks`` remembers when a version
was deleted or tagged, so that of two servers that replicate to each other the later change wins on both.

A change that replication itself made here has ``replica`` in the journal's details, and is not replicated on.
"""

# ruff: noqa: S608  (what goes into the statements is constants of this file)
from __future__ import annotations

_TABLES = ("replication_changes", "replication_tasks", "replication_sent", "replication_marks")
_OF_REPLICATED = (
    "NEW.key IS NOT NULL AND NEW.details IS NOT 'replica' AND EXISTS ("
    "SELECT 1 FROM bucket_settings WHERE bucket_id = NEW.bucket_id AND kind = 'replication')"
)

STATEMENTS = (
    """
    CREATE TABLE replication_connections (
        name TEXT PRIMARY KEY,
        endpoint TEXT NOT NULL,
        region TEXT NOT NULL,
        access_key_id TEXT NOT NULL,
        secret BLOB NOT NULL,
        account TEXT,
        origin TEXT NOT NULL,
        saved_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE replication_users (
        account_id TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (account_id, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE replication_rule_states (
        bucket_id INTEGER NOT NULL,
        rule_id TEXT NOT NULL,
        scan_key BLOB,
        scan_version TEXT,
        sent_objects INTEGER NOT NULL DEFAULT 0,
        sent_bytes INTEGER NOT NULL DEFAULT 0,
        last_sent_at INTEGER,
        PRIMARY KEY (bucket_id, rule_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE replication_changes (
        sequence INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        version_id TEXT NOT NULL
    )
    """,
    "CREATE INDEX replication_changes_by_key ON replication_changes (bucket_id, key)",
    """
    CREATE TABLE replication_tasks (
        task_id INTEGER PRIMARY KEY,
        bucket_id INTEGER NOT NULL,
        rule_id TEXT NOT NULL,
        key BLOB NOT NULL,
        version_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        changed_at INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_at INTEGER NOT NULL DEFAULT 0,
        is_failed INTEGER NOT NULL DEFAULT 0,
        problem TEXT,
        upload_id TEXT,
        UNIQUE (bucket_id, rule_id, key, version_id)
    )
    """,
    "CREATE INDEX replication_tasks_by_due ON replication_tasks (bucket_id, rule_id, due_at)",
    "CREATE INDEX replication_tasks_by_key ON replication_tasks (bucket_id, key, version_id)",
    """
    CREATE TABLE replication_sent (
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        version_id TEXT NOT NULL,
        rule_id TEXT NOT NULL,
        body_id TEXT,
        attributes TEXT NOT NULL,
        target_version_id TEXT,
        sent_at INTEGER NOT NULL,
        PRIMARY KEY (bucket_id, key, version_id, rule_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE replication_marks (
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        version_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (bucket_id, key, version_id, kind)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX replication_marks_by_age ON replication_marks (at)",
    f"""
    CREATE TRIGGER replication_changed AFTER INSERT ON journal
    WHEN {_OF_REPLICATED} AND NEW.event NOT LIKE 'LifecycleExpiration:%' AND NEW.event != 'ObjectAcl:Put'
    BEGIN
        INSERT INTO replication_changes (sequence, at, bucket_id, key, version_id)
        VALUES (NEW.sequence, NEW.at, NEW.bucket_id, NEW.key, coalesce(NEW.version_id, 'null'));
    END
    """,
    f"""
    CREATE TRIGGER replication_deleted AFTER INSERT ON journal
    WHEN {_OF_REPLICATED} AND NEW.event = 'ObjectRemoved:Delete'
    BEGIN
        INSERT OR REPLACE INTO replication_marks (bucket_id, key, version_id, kind, at)
        VALUES (NEW.bucket_id, NEW.key, coalesce(NEW.version_id, 'null'), 'deleted', NEW.at);
    END
    """,
    f"""
    CREATE TRIGGER replication_tagged AFTER INSERT ON journal
    WHEN {_OF_REPLICATED} AND NEW.event LIKE 'ObjectTagging:%'
    BEGIN
        INSERT OR REPLACE INTO replication_marks (bucket_id, key, version_id, kind, at)
        VALUES (NEW.bucket_id, NEW.key, coalesce(NEW.version_id, 'null'), 'tagged', NEW.at);
    END
    """,
    # A bucket's rules go with it: they are among its settings, and what they left behind goes here.
    f"""
    CREATE TRIGGER replication_ended AFTER DELETE ON bucket_settings WHEN OLD.kind = 'replication'
    BEGIN
        {" ".join(f"DELETE FROM {table} WHERE bucket_id = OLD.bucket_id;" for table in _TABLES)}
        DELETE FROM replication_rule_states WHERE bucket_id = OLD.bucket_id;
    END
    """,
    """
    CREATE TRIGGER replication_bucket_deleted AFTER DELETE ON buckets
    BEGIN
        DELETE FROM replication_marks WHERE bucket_id = OLD.bucket_id;
    END
    """,
)
