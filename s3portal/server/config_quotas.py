"""The quotas of buckets, users and roles in the configuration file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from s3portal.server.access.directory import Role, User
from s3portal.server.bucket_settings.quota_documents import limits_of
from s3portal.server.config_values import ConfigError, list_of
from s3portal.server.storage.records import Quota

FIELD = "quota"


def read_quota(found: Mapping[str, Any], place: str) -> Quota | None:
    """Returns the quota of an entry; None where the entry has none. Raises ConfigError."""
    if FIELD not in found:
        return None
    try:
        return Quota(*limits_of(found[FIELD]))
    except ValueError as problem:
        raise ConfigError(f"{place}.{FIELD}: {problem}") from problem


def read_user_quotas(
    top: Mapping[str, Any], users: Sequence[User], roles: Sequence[Role]
) -> tuple[tuple[str, Quota], ...]:
    """Returns the quotas of the users and roles that have one, by their ARNs. Raises ConfigError."""
    arns = {"users": [user.arn for user in users], "roles": [role.arn for role in roles]}
    found = []
    for name, members in arns.items():
        for number, (entry, arn) in enumerate(zip(list_of(top, name), members, strict=True)):
            quota = read_quota(entry, f"{name}[{number}]")
            if quota is not None:
                found.append((arn, quota))
    return tuple(found)
