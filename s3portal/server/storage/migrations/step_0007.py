"""Users, groups, roles, their access keys and policies.

Ids are never used again, so that nothing of a deleted user comes to a new one of the same name. Names are
unique without regard to case, as on AWS. ``secret`` is sealed with the master key; it can be read by the
server that has this key and by nobody who has only the database.
"""

STATEMENTS = (
    """
    CREATE TABLE identities (
        identity_id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        account_id TEXT NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        path TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        tags TEXT,
        boundary TEXT,
        description TEXT,
        trust_policy TEXT,
        max_session_s INTEGER,
        UNIQUE (kind, account_id, name)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX identities_by_boundary ON identities (boundary) WHERE boundary IS NOT NULL",
    """
    CREATE TABLE identity_policies (
        identity_id TEXT NOT NULL,
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (identity_id, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE attached_policies (
        identity_id TEXT NOT NULL,
        policy_arn TEXT NOT NULL,
        PRIMARY KEY (identity_id, policy_arn)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX attached_policies_by_arn ON attached_policies (policy_arn)",
    """
    CREATE TABLE group_members (
        group_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        PRIMARY KEY (group_id, user_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX group_members_by_user ON group_members (user_id)",
    """
    CREATE TABLE access_keys (
        access_key_id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        is_active INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        secret BLOB NOT NULL,
        used_at INTEGER,
        used_service TEXT,
        used_region TEXT
    ) WITHOUT ROWID
    """,
    "CREATE INDEX access_keys_by_user ON access_keys (user_id)",
    """
    CREATE TABLE managed_policies (
        policy_id TEXT PRIMARY KEY,
        account_id TEXT NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        path TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        description TEXT,
        tags TEXT,
        default_version INTEGER NOT NULL,
        last_version INTEGER NOT NULL,
        UNIQUE (account_id, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE managed_policy_versions (
        policy_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (policy_id, version)
    ) WITHOUT ROWID
    """,
)
