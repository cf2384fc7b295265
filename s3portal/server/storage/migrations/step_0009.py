"""Keys of the key management, their material and their names.

``material`` is sealed with the master key; a key that was rotated keeps all that it had, by number. A key
with ``deletion_at`` waits for its deletion. ``rotation_days`` is NULL for a key that is not rotated
automatically, ``rotates_at`` when it is due.
"""

STATEMENTS = (
    """
    CREATE TABLE kms_keys (
        key_id TEXT PRIMARY KEY,
        account_id TEXT NOT NULL,
        manager TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        is_enabled INTEGER NOT NULL,
        deletion_at INTEGER,
        description TEXT NOT NULL,
        policy TEXT NOT NULL,
        tags TEXT NOT NULL,
        rotation_days INTEGER,
        rotates_at INTEGER
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE kms_materials (
        key_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        material BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        PRIMARY KEY (key_id, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE kms_aliases (
        account_id TEXT NOT NULL,
        name TEXT NOT NULL,
        key_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (account_id, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX kms_aliases_by_key ON kms_aliases (key_id)",
)
