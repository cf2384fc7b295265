"""Buckets get numbers, owners and a table of settings; objects and uploads get owners; objects get versions.

``objects`` has the current version of each key, which keeps listing fast; ``versions`` has the others, and
delete markers, the current ones too. ``version_id`` is ``null`` for what was stored without versioning.
``sequence`` is the number of the change that made a version: a newer one has a larger number.

A bucket's number is never used again (AUTOINCREMENT): nothing of a deleted bucket turns up in a new one.
"""

STATEMENTS = (
    """
    CREATE TABLE numbered_buckets (
        bucket_id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        created_at INTEGER NOT NULL
    )
    """,
    """
    INSERT INTO numbered_buckets (name, owner, created_at)
    SELECT name, '000000000000', created_at FROM buckets ORDER BY created_at, name
    """,
    """
    CREATE TABLE bucket_settings (
        bucket_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (bucket_id, kind)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO bucket_settings (bucket_id, kind, document)
    SELECT n.bucket_id, 'cors', b.cors FROM numbered_buckets AS n JOIN buckets AS b USING (name)
    WHERE b.cors IS NOT NULL
    """,
    """
    CREATE TABLE current_objects (
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        version_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        owner TEXT NOT NULL,
        body_id TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified_at INTEGER NOT NULL,
        checksum_algorithm TEXT NOT NULL,
        checksum_value TEXT NOT NULL,
        checksum_type TEXT NOT NULL,
        part_count INTEGER NOT NULL,
        headers TEXT NOT NULL,
        PRIMARY KEY (bucket_id, key)
    ) WITHOUT ROWID
    """,
    # The order of the new table's key, without sorting: bucket by bucket, each along its own tree.
    """
    INSERT INTO current_objects
    SELECT n.bucket_id, o.key, 'null', 0, '000000000000', o.body_id, o.size_bytes, o.etag, o.modified_at,
        o.checksum_algorithm, o.checksum_value, o.checksum_type, o.part_count, o.headers
    FROM numbered_buckets AS n CROSS JOIN objects AS o ON o.bucket = n.name
    ORDER BY n.bucket_id, o.key
    """,
    """
    CREATE TABLE versions (
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        version_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        is_delete_marker INTEGER NOT NULL,
        body_id TEXT,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified_at INTEGER NOT NULL,
        noncurrent_at INTEGER,
        checksum_algorithm TEXT NOT NULL,
        checksum_value TEXT NOT NULL,
        checksum_type TEXT NOT NULL,
        part_count INTEGER NOT NULL,
        headers TEXT NOT NULL,
        PRIMARY KEY (bucket_id, key, sequence)
    ) WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX versions_by_id ON versions (bucket_id, key, version_id)",
    """
    CREATE TABLE owned_uploads (
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        upload_id TEXT NOT NULL UNIQUE,
        initiated_at INTEGER NOT NULL,
        owner TEXT NOT NULL,
        initiator TEXT NOT NULL,
        checksum_algorithm TEXT NOT NULL,
        checksum_type TEXT NOT NULL,
        checksum_asked INTEGER NOT NULL,
        headers TEXT NOT NULL,
        PRIMARY KEY (bucket_id, key, initiated_at, upload_id)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO owned_uploads
    SELECT n.bucket_id, u.key, u.upload_id, u.initiated_at, '000000000000', u.initiator,
        u.checksum_algorithm, u.checksum_type, u.checksum_asked, u.headers
    FROM uploads AS u JOIN numbered_buckets AS n ON n.name = u.bucket
    """,
    "DROP TABLE uploads",
    "DROP TABLE objects",
    "DROP TABLE buckets",
    "ALTER TABLE owned_uploads RENAME TO uploads",
    "ALTER TABLE current_objects RENAME TO objects",
    "ALTER TABLE numbered_buckets RENAME TO buckets",
)
