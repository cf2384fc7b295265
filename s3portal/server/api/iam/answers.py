"""IAM's elements: users, groups, roles, keys, policies, and pages of lists."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

from s3portal.server.api.query_parameters import Parameters
from s3portal.server.iam.records import AccessKey, Identity, Kind, ManagedPolicy, PolicyVersion
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, fields, timestamp

PAGE_LIMIT, PAGE_DEFAULT = 1000, 100
_MARKER_LIMIT = 2048
Item = TypeVar("Item")


def moment(moment_ms: int) -> str:
    """Returns a time as IAM writes it: 2026-11-21T09:59:12Z."""
    return f"{timestamp(moment_ms)[:19]}Z"


def encoded(document: str) -> str:
    """Returns a policy as IAM answers it: percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def members(name: str, items: Iterable[str]) -> str:
    """Returns a list of elements that are XML already."""
    return element(name, *(element("member", item) for item in items))


def texts(name: str, items: Iterable[str]) -> str:
    return element(name, *(field("member", item) for item in items))


def tag_members(tags: Mapping[str, str]) -> str:
    return members("Tags", (fields(("Key", key), ("Value", value)) for key, value in sorted(tags.items())))


def page(
    parameters: Parameters, items: Sequence[Item], name_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str]:
    """Returns the items that a call asks for, and the elements that say whether there are more.

    ``items`` are in the order of their names without regard to case, names that differ in nothing else in
    that of their characters; or are given with names that are in order as they are. Raises ValidationError
    for a marker that is none.
    """
    limit = parameters.number("MaxItems", default=PAGE_DEFAULT, least=1, most=PAGE_LIMIT)
    after = _name_in(parameters.text("Marker", most=_MARKER_LIMIT))
    rest = items
    if after is not None:
        rest = [item for item in items if _place(name_of(item)) > _place(after)]
    shown = rest[:limit]
    if len(shown) == len(rest):
        return shown, field("IsTruncated", False)
    marker = base64.urlsafe_b64encode(name_of(shown[-1]).encode()).decode()
    return shown, field("IsTruncated", True) + field("Marker", marker)


def _place(name: str) -> tuple[str, str]:
    return name.lower(), name


def _name_in(marker: str | None) -> str | None:
    if marker is None:
        return None
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as problem:
        raise S3Error("ValidationError", f"Invalid Marker: {marker}") from problem


def identity_fields(identity: Identity, *, with_tags: bool = True) -> str:
    """Returns what is inside a User, Group or Role. Tags are not in lists, but for those of the
    configuration file, who are told by theirs."""
    title = identity.kind.title
    written = fields(
        ("Path", identity.path),
        (f"{title}Name", identity.name),
        (f"{title}Id", identity.identity_id),
        ("Arn", identity.arn),
        ("CreateDate", moment(identity.created_at)),
    )
    if identity.kind is Kind.ROLE:
        written += fields(
            ("AssumeRolePolicyDocument", encoded(identity.trust_policy or "")),
            ("Description", identity.description or None),
            ("MaxSessionDuration", identity.max_session_s),
        )
    if identity.boundary is not None:
        written += element("PermissionsBoundary", boundary_fields(identity.boundary))
    if identity.tags and (with_tags or identity.configured):
        written += tag_members(identity.tags)
    return written


def boundary_fields(policy_arn: str) -> str:
    return fields(
        ("PermissionsBoundaryType", "PermissionsBoundaryPolicy"), ("PermissionsBoundaryArn", policy_arn)
    )


def key_fields(user: Identity, key: AccessKey) -> str:
    return fields(
        ("UserName", user.name),
        ("AccessKeyId", key.access_key_id),
        ("Status", "Active" if key.is_active else "Inactive"),
        ("CreateDate", moment(key.created_at)),
    )


def policy_fields(policy: ManagedPolicy, *, whole: bool = True) -> str:
    written = fields(
        ("PolicyName", policy.name),
        ("PolicyId", policy.policy_id),
        ("Arn", policy.arn),
        ("Path", policy.path),
        ("DefaultVersionId", f"v{policy.default_version}"),
        ("AttachmentCount", policy.attachment_count),
        ("PermissionsBoundaryUsageCount", policy.boundary_count),
        ("IsAttachable", True),
        ("Description", (policy.description or None) if whole else None),
        ("CreateDate", moment(policy.created_at)),
        ("UpdateDate", moment(policy.updated_at)),
    )
    return written + (tag_members(policy.tags) if whole and policy.tags else "")


def version_fields(version: PolicyVersion, *, with_document: bool = False) -> str:
    return fields(
        ("Document", encoded(version.document) if with_document else None),
        ("VersionId", version.version_id),
        ("IsDefaultVersion", version.is_default),
        ("CreateDate", moment(version.created_at)),
    )
