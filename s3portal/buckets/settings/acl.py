"""Access control lists: who is let in beside the owner. Source: S3 User Guide, "Access control list (ACL)
overview"."""

from collections.abc import Mapping
from typing import Any

from s3portal.buckets.problems import NotOffered, asking
from s3portal.transfer import Store

Acl = Mapping[str, Any]
_GROUPS = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everyone",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "everyone with an AWS account",
    "http://acs.amazonaws.com/groups/s3/LogDelivery": "S3's log delivery",
}
PUBLIC = ("everyone", "everyone with an AWS account")


def read_bucket_acl(store: Store) -> Acl:
    """The bucket's own ACL. Raises Refused, NotOffered."""
    with asking(store, "s3:GetBucketAcl", what="ACLs"):
        found = store.client().get_bucket_acl(Bucket=store.bucket)
    if "Owner" not in found and "Grants" not in found:
        raise NotOffered("this store has no ACLs: it answers as to another request")
    return found


def strangers_in(acl: Acl) -> list[str]:
    """Whom the ACL lets in beside the owner: ``everyone may READ``."""
    owner = acl.get("Owner", {}).get("ID")
    return [
        f"{grantee_name(grant.get('Grantee', {}))} may {grant.get('Permission')}"
        for grant in acl.get("Grants", [])
        if grant.get("Grantee", {}).get("ID") != owner or owner is None
    ]


def is_public(acl: Acl) -> bool:
    """Whether it lets everyone in, or everyone with an AWS account."""
    return any(grantee_name(grant.get("Grantee", {})) in PUBLIC for grant in acl.get("Grants", []))


def grantee_name(grantee: Mapping[str, Any]) -> str:
    """Who that is, in words."""
    if "URI" in grantee:
        return _GROUPS.get(grantee["URI"], str(grantee["URI"]))
    return f"the account {grantee.get('DisplayName') or grantee.get('ID') or grantee.get('EmailAddress')}"
