"""Access control lists of buckets and objects: who is granted what, and how that is stored.

Pure. An ACL of none is the owner's private one. Source:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from s3portal.server.bucket_settings.canonical_users import canonical_id

KIND = "acl"
FULL_CONTROL, READ, WRITE, READ_ACP, WRITE_ACP = "FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"
PERMISSIONS = (FULL_CONTROL, READ, WRITE, READ_ACP, WRITE_ACP)
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
GROUPS = (ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY)


@dataclass(frozen=True)
class Grant:
    """``grantee`` is a canonical user id, or the URI of one of GROUPS."""

    grantee: str
    permission: str

    @property
    def is_to_group(self) -> bool:
        return self.grantee in GROUPS

    @property
    def is_public(self) -> bool:
        """Whether it is to everybody, or to everybody who has an account anywhere."""
        return self.grantee in (ALL_USERS, AUTHENTICATED_USERS)

    def gives(self, permission: str) -> bool:
        return self.permission in (permission, FULL_CONTROL)


@dataclass(frozen=True)
class Acl:
    grants: tuple[Grant, ...]

    @property
    def is_public(self) -> bool:
        return any(grant.is_public for grant in self.grants)

    def gives(self, permission: str, account_id: str | None, *, ignore_public: bool = False) -> bool:
        """Whether the ACL grants ``permission`` to an account; None is a caller without one.

        ``ignore_public`` leaves out what is granted to everybody.
        """
        grantees = {ALL_USERS} if account_id is None else {ALL_USERS, AUTHENTICATED_USERS}
        if ignore_public:
            grantees = set()
        if account_id is not None:
            grantees.add(canonical_id(account_id))
        return any(grant.grantee in grantees and grant.gives(permission) for grant in self.grants)


def private(owner: str) -> Acl:
    """Returns the ACL of what nobody but its owner, an account, may use."""
    return Acl((Grant(canonical_id(owner), FULL_CONTROL),))


@lru_cache(maxsize=1024)
def read(stored: str | None, owner: str) -> Acl:
    """Returns a stored ACL, or the private one of ``owner``, an account, where nothing is stored."""
    if stored is None:
        return private(owner)
    return Acl(tuple(Grant(grant["grantee"], grant["permission"]) for grant in json.loads(stored)["grants"]))


def write(acl: Acl, owner: str) -> str | None:
    """Returns what is stored of an ACL: nothing for the private one."""
    if acl == private(owner):
        return None
    grants = [{"grantee": grant.grantee, "permission": grant.permission} for grant in acl.grants]
    return json.dumps({"grants": grants}, separators=(",", ":"))
