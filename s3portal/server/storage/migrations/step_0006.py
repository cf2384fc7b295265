"""What the background jobs keep: how far each has come, the notifications that are still to be delivered, and
the damage that the integrity scan found.
"""

STATEMENTS = (
    """
    CREATE TABLE background (
        job TEXT PRIMARY KEY,
        state TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE deliveries (
        delivery_id INTEGER PRIMARY KEY,
        target TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX deliveries_by_due ON deliveries (due_at)",
    """
    CREATE TABLE damage (
        body_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        version_id TEXT NOT NULL,
        message TEXT NOT NULL,
        found_at INTEGER NOT NULL,
        PRIMARY KEY (body_id, kind)
    ) WITHOUT ROWID
    """,
)
