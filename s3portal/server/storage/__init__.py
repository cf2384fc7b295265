"""Where everything is kept: rows in SQLite say what exists, plain files ("blobs") hold the bytes.

The order that makes it crash-safe: a blob is written, synced and renamed into place; only then a
transaction makes it visible; only after a transaction forgot a blob, its file is removed. Whatever a crash
leaves between these steps are files that no row knows, and the sweep at the next start removes them.
"""
