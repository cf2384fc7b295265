"""The schema of the first release.

Keys are BLOBs: they sort by their bytes, as S3 lists them, and a prefix is a plain range of bytes. The tables
are clustered by key (WITHOUT ROWID), so that a page of a listing is one walk along the tree.
"""

STATEMENTS = (
    """
    CREATE TABLE buckets (
        name TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL,
        cors TEXT
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE objects (
        bucket TEXT NOT NULL,
        key BLOB NOT NULL,
        body_id TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified_at INTEGER NOT NULL,
        headers TEXT NOT NULL,
        checksum_algorithm TEXT NOT NULL,
        checksum_value TEXT NOT NULL,
        checksum_type TEXT NOT NULL,
        part_count INTEGER NOT NULL,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE parts (
        body_id TEXT NOT NULL,
        part_number INTEGER NOT NULL,
        blob TEXT,
        start INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        checksum BLOB NOT NULL,
        modified_at INTEGER NOT NULL,
        content BLOB,
        PRIMARY KEY (body_id, part_number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE uploads (
        bucket TEXT NOT NULL,
        key BLOB NOT NULL,
        upload_id TEXT NOT NULL UNIQUE,
        initiated_at INTEGER NOT NULL,
        headers TEXT NOT NULL,
        checksum_algorithm TEXT NOT NULL,
        checksum_type TEXT NOT NULL,
        checksum_asked INTEGER NOT NULL,
        initiator TEXT NOT NULL,
        PRIMARY KEY (bucket, key, initiated_at, upload_id)
    ) WITHOUT ROWID
    """,
)
