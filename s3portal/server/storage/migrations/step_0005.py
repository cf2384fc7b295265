"""Objects, other versions and uploads get room for tags, a lock and an ACL: JSON, NULL without one.

What an upload has passes to the object that it becomes.
"""

STATEMENTS = tuple(
    f"ALTER TABLE {table} ADD COLUMN {column} TEXT"
    for table in ("objects", "versions", "uploads")
    for column in ("tags", "lock", "acl")
)
