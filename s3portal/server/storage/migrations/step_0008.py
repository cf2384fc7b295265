"""Quotas of buckets and of users, and counters of what each user has stored.

Objects, other versions and uploads get their writer: the ARN of the user or the role that stored them, NULL
for what came before this step, from nobody known, or from the files of a folder. Triggers keep the counters,
as those of buckets: ``objects`` and ``bytes`` are of the current and the other versions together, without
delete markers; ``upload_bytes`` of uploads that are neither completed nor aborted.
"""

# ruff: noqa: S608  (what goes into the statements is constants of this file)


def _added(writer: str, size_bytes: str, condition: str = "1") -> str:
    """Returns the statement that counts an object for its writer."""
    return (
        f"INSERT INTO user_usage (writer, objects, bytes) SELECT {writer}, 1, {size_bytes} "
        f"WHERE {writer} IS NOT NULL AND {condition} "
        "ON CONFLICT (writer) DO UPDATE SET objects = objects + 1, bytes = bytes + excluded.bytes"
    )


_TAKEN = (
    "UPDATE user_usage SET objects = objects - 1, bytes = bytes - OLD.size_bytes WHERE writer = OLD.writer"
)
_WRITER_OF = "WHERE writer = (SELECT writer FROM uploads WHERE upload_id = {}.body_id)"

STATEMENTS = (
    *(f"ALTER TABLE {table} ADD COLUMN writer TEXT" for table in ("objects", "versions", "uploads")),
    """
    CREATE TABLE bucket_quotas (
        bucket_id INTEGER PRIMARY KEY,
        max_bytes INTEGER,
        max_objects INTEGER
    )
    """,
    """
    CREATE TABLE user_quotas (
        writer TEXT PRIMARY KEY,
        max_bytes INTEGER,
        max_objects INTEGER
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE user_usage (
        writer TEXT PRIMARY KEY,
        objects INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        upload_bytes INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER bucket_quota_deleted AFTER DELETE ON buckets BEGIN
        DELETE FROM bucket_quotas WHERE bucket_id = OLD.bucket_id;
    END
    """,
    f"CREATE TRIGGER object_written AFTER INSERT ON objects WHEN NEW.writer IS NOT NULL BEGIN "
    f"{_added('NEW.writer', 'NEW.size_bytes')}; END",
    f"CREATE TRIGGER object_rewritten AFTER UPDATE OF size_bytes, writer ON objects BEGIN "
    f"{_TAKEN}; {_added('NEW.writer', 'NEW.size_bytes')}; END",
    f"CREATE TRIGGER object_unwritten AFTER DELETE ON objects WHEN OLD.writer IS NOT NULL "
    f"BEGIN {_TAKEN}; END",
    f"CREATE TRIGGER version_written AFTER INSERT ON versions "
    f"WHEN NEW.writer IS NOT NULL AND NOT NEW.is_delete_marker BEGIN "
    f"{_added('NEW.writer', 'NEW.size_bytes')}; END",
    f"CREATE TRIGGER version_unwritten AFTER DELETE ON versions "
    f"WHEN OLD.writer IS NOT NULL AND NOT OLD.is_delete_marker BEGIN {_TAKEN}; END",
    """
    CREATE TRIGGER upload_written AFTER INSERT ON uploads WHEN NEW.writer IS NOT NULL BEGIN
        INSERT INTO user_usage (writer) VALUES (NEW.writer) ON CONFLICT (writer) DO NOTHING;
    END
    """,
    # Whether its parts go before or after it.
    """
    CREATE TRIGGER upload_unwritten AFTER DELETE ON uploads WHEN OLD.writer IS NOT NULL BEGIN
        UPDATE user_usage SET upload_bytes = upload_bytes - (
            SELECT coalesce(sum(size_bytes), 0) FROM parts WHERE body_id = OLD.upload_id
        ) WHERE writer = OLD.writer;
    END
    """,
    "CREATE TRIGGER part_written AFTER INSERT ON parts BEGIN "
    f"UPDATE user_usage SET upload_bytes = upload_bytes + NEW.size_bytes {_WRITER_OF.format('NEW')}; END",
    "CREATE TRIGGER part_unwritten AFTER DELETE ON parts BEGIN "
    f"UPDATE user_usage SET upload_bytes = upload_bytes - OLD.size_bytes {_WRITER_OF.format('OLD')}; END",
)
