"""An ACL in plain words: who is granted what.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s3portal.console.texts import gettext as _

_GLOBAL = "http://acs.amazonaws.com/groups/global/"
EVERYBODY, SIGNED_IN = f"{_GLOBAL}AllUsers", f"{_GLOBAL}AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
PUBLIC_GROUPS = (EVERYBODY, SIGNED_IN)
#: Canned ACLs that let everybody in.
PUBLIC_CANNED = ("public-read", "public-read-write", "authenticated-read")
# Whom canned ACLs and owners may name without an account: EC2, which reads AMI bundles, and who had not
# signed in.
_EC2 = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"
_ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"


@dataclass(frozen=True)
class GrantLine:
    """A grant as the page shows it. ``grantee`` is a canonical user id or the URI of a group, ``user_id`` the
    former alone. ``is_ignored`` says that the public access block takes its effect."""

    grantee: str
    permission: str
    who: str
    may: str
    user_id: str
    is_public: bool
    is_ignored: bool


def grantee_of(grant: Mapping[str, Any]) -> str:
    """Returns the canonical user id or the URI that a grant of S3's answer is to."""
    named = grant["Grantee"]
    return str(named.get("URI") or named.get("ID", ""))


def is_public(grants: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any of the grants of an ACL is to everybody, or to everybody who has an account."""
    return any(grantee_of(grant) in PUBLIC_GROUPS for grant in grants)


def lines_of(
    grants: Sequence[Mapping[str, Any]], *, of_object: bool, ignores_public: bool
) -> list[GrantLine]:
    """Returns a line for each grant; ``ignores_public`` is the public access block's IgnorePublicAcls."""
    found, permissions = [], permission_words(of_object=of_object)
    for grant in grants:
        grantee, permission = grantee_of(grant), grant["Permission"]
        public = grantee in PUBLIC_GROUPS
        found.append(
            GrantLine(
                grantee=grantee,
                permission=permission,
                who=group_words().get(grantee) or user_words(grant["Grantee"]),
                may=permissions.get(permission) or _("nothing: this counts for buckets alone"),
                user_id="" if grantee in group_words() else grantee,
                is_public=public,
                is_ignored=public and ignores_public,
            )
        )
    return found


def group_words() -> dict[str, str]:
    """Groups that an ACL can name, by their URI."""
    return {
        EVERYBODY: _("Everybody, also without signing in"),
        SIGNED_IN: _("Everybody who signs in, with any account"),
        LOG_DELIVERY: _("Log delivery"),
    }


def user_words(named: Mapping[str, Any]) -> str:
    """Returns what people call the owner or the grantee of an ACL that is no group."""
    known = {_EC2: _("Amazon EC2"), _ANONYMOUS: _("Somebody who had not signed in")}
    user_id = str(named.get("ID", ""))
    return named.get("DisplayName") or known.get(user_id) or _("An account without a name")


def permission_words(*, of_object: bool) -> dict[str, str]:
    """What each permission allows, the most common first."""
    if of_object:
        return {
            "READ": _("read it"),
            "READ_ACP": _("see this ACL"),
            "WRITE_ACP": _("change this ACL"),
            "FULL_CONTROL": _("everything"),
        }
    return {
        "READ": _("list its objects"),
        "WRITE": _("upload objects, replace and delete them"),
        "READ_ACP": _("see this ACL"),
        "WRITE_ACP": _("change this ACL"),
        "FULL_CONTROL": _("everything"),
    }


def canned_words(*, of_object: bool) -> dict[str, str]:
    """The canned ACLs that are offered."""
    if of_object:
        return {
            "private": _("private: the owner alone"),
            "public-read": _("public-read: everybody may read it"),
            "authenticated-read": _("authenticated-read: everybody who signs in may read it"),
            "bucket-owner-read": _("bucket-owner-read: the bucket's owner may read it"),
            "bucket-owner-full-control": _("bucket-owner-full-control: the bucket's owner may do everything"),
        }
    return {
        "private": _("private: the owner alone"),
        "public-read": _("public-read: everybody may list its objects"),
        "public-read-write": _("public-read-write: everybody may list, upload, replace and delete objects"),
        "authenticated-read": _("authenticated-read: everybody who signs in may list its objects"),
        "log-delivery-write": _("log-delivery-write: access logs may be written here"),
    }
