"""A journal of the changes, and counters of what each bucket holds.

Triggers keep the counters, so that they change in the transaction of the change itself, whatever makes it.
``uploads`` and ``upload_bytes`` are of uploads that are neither completed nor aborted; ``versions`` and
``version_bytes`` of what is no longer current, without delete markers.
"""


# ruff: noqa: S608  (what goes into the statements is constants of this file)


def _counted(name: str, table: str, event: str, change: str, condition: str = "") -> str:
    """Returns the trigger that makes one change to a bucket's counters."""
    return f"CREATE TRIGGER {name} AFTER {event} ON {table} {condition} BEGIN UPDATE usage SET {change}; END"


_NEW, _OLD = "WHERE bucket_id = NEW.bucket_id", "WHERE bucket_id = OLD.bucket_id"
_UPLOAD_OF = "WHERE bucket_id = (SELECT bucket_id FROM uploads WHERE upload_id = {}.body_id)"

STATEMENTS = (
    """
    CREATE TABLE journal (
        sequence INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        bucket_id INTEGER NOT NULL,
        key BLOB,
        version_id TEXT,
        size_bytes INTEGER,
        etag TEXT,
        details TEXT
    )
    """,
    """
    CREATE TABLE usage (
        bucket_id INTEGER PRIMARY KEY,
        objects INTEGER NOT NULL DEFAULT 0,
        object_bytes INTEGER NOT NULL DEFAULT 0,
        versions INTEGER NOT NULL DEFAULT 0,
        version_bytes INTEGER NOT NULL DEFAULT 0,
        uploads INTEGER NOT NULL DEFAULT 0,
        upload_bytes INTEGER NOT NULL DEFAULT 0
    )
    """,
    "INSERT INTO usage (bucket_id) SELECT bucket_id FROM buckets",
    """
    UPDATE usage SET (objects, object_bytes) = (
        SELECT count(*), coalesce(sum(size_bytes), 0) FROM objects WHERE bucket_id = usage.bucket_id
    )
    """,
    """
    UPDATE usage SET uploads = (SELECT count(*) FROM uploads WHERE bucket_id = usage.bucket_id),
    upload_bytes = (
        SELECT coalesce(sum(size_bytes), 0) FROM uploads JOIN parts ON body_id = upload_id
        WHERE bucket_id = usage.bucket_id
    )
    """,
    """
    CREATE TRIGGER bucket_created AFTER INSERT ON buckets BEGIN
        INSERT INTO usage (bucket_id) VALUES (NEW.bucket_id);
    END
    """,
    """
    CREATE TRIGGER bucket_deleted AFTER DELETE ON buckets BEGIN
        DELETE FROM usage WHERE bucket_id = OLD.bucket_id;
        DELETE FROM bucket_settings WHERE bucket_id = OLD.bucket_id;
    END
    """,
    _counted(
        "object_created",
        "objects",
        "INSERT",
        f"objects = objects + 1, object_bytes = object_bytes + NEW.size_bytes {_NEW}",
    ),
    _counted(
        "object_replaced",
        "objects",
        "UPDATE OF size_bytes",
        f"object_bytes = object_bytes - OLD.size_bytes + NEW.size_bytes {_NEW}",
    ),
    _counted(
        "object_deleted",
        "objects",
        "DELETE",
        f"objects = objects - 1, object_bytes = object_bytes - OLD.size_bytes {_OLD}",
    ),
    _counted(
        "version_kept",
        "versions",
        "INSERT",
        f"versions = versions + 1, version_bytes = version_bytes + NEW.size_bytes {_NEW}",
        "WHEN NOT NEW.is_delete_marker",
    ),
    _counted(
        "version_removed",
        "versions",
        "DELETE",
        f"versions = versions - 1, version_bytes = version_bytes - OLD.size_bytes {_OLD}",
        "WHEN NOT OLD.is_delete_marker",
    ),
    _counted("upload_begun", "uploads", "INSERT", f"uploads = uploads + 1 {_NEW}"),
    # Whether it is completed or aborted, and whether its parts go before or after it.
    _counted(
        "upload_ended",
        "uploads",
        "DELETE",
        "uploads = uploads - 1, upload_bytes = upload_bytes - ("
        f"SELECT coalesce(sum(size_bytes), 0) FROM parts WHERE body_id = OLD.upload_id) {_OLD}",
    ),
    _counted(
        "part_stored",
        "parts",
        "INSERT",
        f"upload_bytes = upload_bytes + NEW.size_bytes {_UPLOAD_OF.format('NEW')}",
    ),
    _counted(
        "part_removed",
        "parts",
        "DELETE",
        f"upload_bytes = upload_bytes - OLD.size_bytes {_UPLOAD_OF.format('OLD')}",
    ),
)
