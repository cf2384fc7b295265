"""ACLs as requests give them: canned, in x-amz-grant-* headers, as XML; and as answers show them.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings import acl
from s3portal.server.bucket_settings.acl import Acl, Grant
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.bucket_settings.xml_values import trimmed_text_of
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import document, element, escape, field, fields

CANNED_HEADER = "x-amz-acl"
GRANT_HEADERS = {
    "x-amz-grant-full-control": acl.FULL_CONTROL,
    "x-amz-grant-read": acl.READ,
    "x-amz-grant-write": acl.WRITE,
    "x-amz-grant-read-acp": acl.READ_ACP,
    "x-amz-grant-write-acp": acl.WRITE_ACP,
}
GRANTS_LIMIT = 100
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
# EC2 reads AMI bundles as this user: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
_EC2 = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"
_CANNED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "private": (),
    "public-read": ((acl.ALL_USERS, acl.READ),),
    "public-read-write": ((acl.ALL_USERS, acl.READ), (acl.ALL_USERS, acl.WRITE)),
    "authenticated-read": ((acl.AUTHENTICATED_USERS, acl.READ),),
    "aws-exec-read": ((_EC2, acl.READ),),
}
_OF_BUCKETS = {"log-delivery-write": ((acl.LOG_DELIVERY, acl.WRITE), (acl.LOG_DELIVERY, acl.READ_ACP))}
_OF_THE_BUCKETS_OWNER = {"bucket-owner-read": acl.READ, "bucket-owner-full-control": acl.FULL_CONTROL}
_GRANTEE = re.compile(r'\s*(id|uri|emailaddress)\s*=\s*(?:"([^"]*)"|([^",\s]*))\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Owners:
    """Accounts: ``owner`` of what gets the ACL, ``bucket_owner`` of the bucket where that is an object, None
    where it is a bucket. ``is_known`` says whether a canonical id is of an account that exists."""

    owner: str
    bucket_owner: str | None
    is_known: Callable[[str], bool]


def of_headers(headers: Mapping[str, str], owners: Owners) -> Acl | None:
    """Returns the ACL that the headers of a request ask for, None where they ask for none.

    Raises InvalidArgument, UnresolvableGrantByEmailAddress, and InvalidRequest for a canned one beside
    grants.
    """
    canned_name = headers.get(CANNED_HEADER)
    lists = {permission: headers[name] for name, permission in GRANT_HEADERS.items() if headers.get(name)}
    if canned_name and lists:
        raise S3Error("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if canned_name:
        return canned(canned_name, owners)
    if not lists:
        return None
    grants = [
        Grant(grantee, permission)
        for permission, text in lists.items()
        for grantee in _grantees(text, owners.is_known)
    ]
    if len(grants) > GRANTS_LIMIT:
        raise S3Error("InvalidRequest", f"An ACL can have up to {GRANTS_LIMIT} grants")
    return Acl(tuple(dict.fromkeys(grants)))


def canned(name: str, owners: Owners) -> Acl:
    """Returns a canned ACL; raises InvalidArgument for one that there is not."""
    own = Grant(canonical_id(owners.owner), acl.FULL_CONTROL)
    known = _CANNED if owners.bucket_owner is not None else {**_CANNED, **_OF_BUCKETS}
    if name in known:
        return Acl((own, *(Grant(grantee, permission) for grantee, permission in known[name])))
    if name not in _OF_THE_BUCKETS_OWNER:
        raise _invalid("", CANNED_HEADER, name)
    # On a bucket these two mean nothing.
    if owners.bucket_owner in (None, owners.owner):
        return Acl((own,))
    return Acl((own, Grant(canonical_id(owners.bucket_owner or ""), _OF_THE_BUCKETS_OWNER[name])))


def _grantees(text: str, is_known: Callable[[str], bool]) -> list[str]:
    position, found = 0, []
    while True:
        match = _GRANTEE.match(text, position)
        if match is None:
            raise S3Error("InvalidArgument", "Argument format not recognized", facts={"ArgumentValue": text})
        value = match[3] if match[2] is None else match[2]
        found.append(_grantee(match[1].lower(), value, is_known))
        position = match.end()
        if position == len(text):
            return found
        if text[position] != ",":
            raise S3Error("InvalidArgument", "Argument format not recognized", facts={"ArgumentValue": text})
        position += 1


def _grantee(kind: str, value: str, is_known: Callable[[str], bool]) -> str:
    if kind == "emailaddress":
        # Accounts here have no address.
        raise S3Error("UnresolvableGrantByEmailAddress", facts={"EmailAddress": value})
    if kind == "uri" and value not in acl.GROUPS:
        raise _invalid("Invalid group uri", "uri", value)
    if kind == "id" and value != _EC2 and not is_known(value):
        raise _invalid("Invalid id", "CanonicalUser/ID", value)
    return value


def of_xml(root: Element, owners: Owners) -> Acl:
    """Returns the ACL of an AccessControlPolicy.

    Raises MalformedACLError, InvalidArgument, UnresolvableGrantByEmailAddress, and AccessDenied where it
    names another owner: an ACL does not give anything away.
    """
    _refuse_unknown(root, {"Owner", "AccessControlList"})
    owner, listed = root.find("Owner"), root.find("AccessControlList")
    if owner is None or listed is None:
        raise S3Error("MalformedACLError")
    owner_id = trimmed_text_of(owner, "ID")
    if not owner_id:
        raise S3Error("MalformedACLError")
    if owner_id != canonical_id(owners.owner):
        raise S3Error("AccessDenied")
    _refuse_unknown(listed, {"Grant"})
    if len(listed) > GRANTS_LIMIT:
        raise S3Error("MalformedACLError")
    return Acl(tuple(dict.fromkeys(_grant(node, owners.is_known) for node in listed)))


def _grant(node: Element, is_known: Callable[[str], bool]) -> Grant:
    _refuse_unknown(node, {"Grantee", "Permission"})
    grantee, permission = node.find("Grantee"), trimmed_text_of(node, "Permission")
    if grantee is None or permission not in acl.PERMISSIONS:
        raise S3Error("MalformedACLError")
    _refuse_unknown(grantee, {"ID", "URI", "EmailAddress", "DisplayName"})
    named = {kind: trimmed_text_of(grantee, kind) for kind in ("ID", "URI", "EmailAddress")}
    given = [(kind, value) for kind, value in named.items() if value]
    kinds = {"CanonicalUser": "ID", "Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}
    declared = grantee.get(f"{{{_INSTANCE}}}type")
    if len(given) != 1 or (declared is not None and kinds.get(declared) != given[0][0]):
        raise S3Error("MalformedACLError")
    kind, value = given[0]
    return Grant(_grantee(kind.lower(), value, is_known), permission or "")


def _refuse_unknown(parent: Element, known: set[str]) -> None:
    names = [child.tag for child in parent]
    if not known.issuperset(names) or any(names.count(name) > 1 for name in names if name != "Grant"):
        raise S3Error("MalformedACLError")


def to_xml(found: Acl, owner: str, name_of: Callable[[str], str]) -> bytes:
    """Returns the AccessControlPolicy of what belongs to the account ``owner``; ``name_of`` says what people
    call the account of a canonical id, '' for none."""
    owner_id = canonical_id(owner)
    grants = (
        element("Grant", _grantee_element(grant, name_of), field("Permission", grant.permission))
        for grant in found.grants
    )
    return document(
        "AccessControlPolicy",
        element("Owner", fields(("ID", owner_id), ("DisplayName", name_of(owner_id) or None))),
        element("AccessControlList", *grants),
    )


def _grantee_element(grant: Grant, name_of: Callable[[str], str]) -> str:
    kind = "Group" if grant.is_to_group else "CanonicalUser"
    content = (
        field("URI", grant.grantee)
        if grant.is_to_group
        else fields(("ID", grant.grantee), ("DisplayName", name_of(grant.grantee) or None))
    )
    return f'<Grantee xmlns:xsi="{escape(_INSTANCE)}" xsi:type="{kind}">{content}</Grantee>'


def _invalid(message: str, name: str, value: str) -> S3Error:
    return S3Error("InvalidArgument", message or None, facts={"ArgumentName": name, "ArgumentValue": value})
