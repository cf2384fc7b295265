"""Parts refer to blobs by name, so that several can share one; small contents get a table of their own; a
part has room for what encryption needs to know.

The pages of a plain table hold contents of up to 8 KiB whole; those of a table that is clustered by a key do
not, and each content took a page more. ``doomed`` has the blobs that a transaction forgot, with the body that
had them: a file is removed once no part refers to it and no one reads a body that had it. Triggers see to it
that whatever deletes a part also forgets its content and dooms its blob.
"""

STATEMENTS = (
    """
    CREATE TABLE contents (
        content_id INTEGER PRIMARY KEY,
        content BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE named_parts (
        body_id TEXT NOT NULL,
        part_number INTEGER NOT NULL,
        blob TEXT,
        content_id INTEGER,
        start INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        checksum BLOB NOT NULL,
        modified_at INTEGER NOT NULL,
        key_id TEXT,
        wrapped_key BLOB,
        nonce BLOB,
        stored_size_bytes INTEGER,
        PRIMARY KEY (body_id, part_number)
    ) WITHOUT ROWID
    """,
    # Contents are numbered in the order of their parts; the same order numbers the parts.
    "INSERT INTO contents (content) SELECT coalesce(content, x'') FROM parts WHERE blob IS NULL "
    "ORDER BY body_id, part_number",
    """
    INSERT INTO named_parts
    SELECT body_id, part_number, blob,
        CASE WHEN blob IS NULL THEN sum(blob IS NULL) OVER (ORDER BY body_id, part_number) END,
        start, size_bytes, etag, checksum, modified_at, NULL, NULL, NULL, NULL
    FROM parts ORDER BY body_id, part_number
    """,
    "DROP TABLE parts",
    "ALTER TABLE named_parts RENAME TO parts",
    "CREATE INDEX parts_by_blob ON parts (blob) WHERE blob IS NOT NULL",
    """
    CREATE TABLE doomed (
        blob TEXT NOT NULL,
        body_id TEXT NOT NULL,
        doomed_at INTEGER NOT NULL,
        PRIMARY KEY (blob, body_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER content_forgotten AFTER DELETE ON parts WHEN OLD.content_id IS NOT NULL BEGIN
        DELETE FROM contents WHERE content_id = OLD.content_id;
    END
    """,
    """
    CREATE TRIGGER blob_doomed AFTER DELETE ON parts WHEN OLD.blob IS NOT NULL BEGIN
        INSERT OR REPLACE INTO doomed (blob, body_id, doomed_at)
        VALUES (OLD.blob, OLD.body_id, 1000 * strftime('%s', 'now'));
    END
    """,
)
