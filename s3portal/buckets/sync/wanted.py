"""What new objects are given beside their content: type, metadata, tags, ACL, storage class, retention. Pure.

Everything is kept as the headers by which PutObject, CopyObject and CreateMultipartUpload take it (S3 API
Reference), in small letters.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from s3portal.buckets.sync.entries import Entry

#: rclone and s3fs keep the time of a file under this name, in seconds.
MTIME = "mtime"
METADATA = "x-amz-meta-"
TAGS = "x-amz-tagging"
STORAGE_CLASS = "x-amz-storage-class"
LOCK_MODE = "x-amz-object-lock-mode"
LOCK_UNTIL = "x-amz-object-lock-retain-until-date"
LEGAL_HOLD = "x-amz-object-lock-legal-hold"
#: What an object says of itself, beside its metadata.
DESCRIBING = frozenset(
    {
        "content-type",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
    }
)
#: The header of each permission of an ACL (S3 User Guide, "Access control list (ACL) overview").
_GRANTING = {
    "FULL_CONTROL": "x-amz-grant-full-control",
    "READ": "x-amz-grant-read",
    "READ_ACP": "x-amz-grant-read-acp",
    "WRITE_ACP": "x-amz-grant-write-acp",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for. ``described`` has headers such as ``content-type``, ``metadata`` the user's own
    names; ``placed`` has the headers for storage class, ACL, retention and legal hold; ``tags`` is the value
    of ``x-amz-tagging``, and None where nothing was said of tags. What is to be kept is an object's."""

    described: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    placed: Mapping[str, str] = field(default_factory=dict)
    tags: str | None = None
    keep_acl: bool = False
    keep_retention: bool = False
    keep_storage_class: bool = False

    @property
    def describes(self) -> bool:
        """Whether an object is to say something else of itself than its source."""
        return bool(self.described or self.metadata)

    def for_file(self, entry: Entry) -> dict[str, str]:
        """The headers of an object that a file is sent to."""
        return {
            **self.description_of(entry),
            **self.placed,
            **({TAGS: self.tags} if self.tags else {}),
        }

    def description_of(self, entry: Entry) -> dict[str, str]:
        """Type, metadata and time of the object that a file becomes."""
        return {
            "content-type": _type_of(entry.path),
            f"{METADATA}{MTIME}": f"{entry.modified_s:.9f}",
            **self._own(),
        }

    def description_like(self, source: Mapping[str, str]) -> dict[str, str]:
        """The same for what becomes of an object that answered with the headers ``source``, in small
        letters."""
        kept = {
            name: value
            for name, value in source.items()
            if name in DESCRIBING or (name.startswith(METADATA) and value)
        }
        return {**kept, **self._own()}

    def placing(self, entry: Entry) -> dict[str, str]:
        """Storage class, ACL, retention and legal hold of what becomes of an object, as far as the listing
        tells."""
        kept = self.keep_storage_class and entry.storage_class not in ("", "STANDARD")
        return {**({STORAGE_CLASS: entry.storage_class} if kept else {}), **self.placed}

    def locking_like(self, source: Mapping[str, str], now: datetime) -> dict[str, str]:
        """The retention and the legal hold of an object that answered with these headers, where they are to
        be kept. A retention that has ended is left out: S3 takes only dates to come."""
        if not self.keep_retention:
            return {}
        kept = {}
        until = source.get(LOCK_UNTIL, "")
        if until and datetime.fromisoformat(until.replace("Z", "+00:00")) > now:
            kept = {LOCK_MODE: source.get(LOCK_MODE, ""), LOCK_UNTIL: until}
        if source.get(LEGAL_HOLD) == "ON":
            kept[LEGAL_HOLD] = "ON"
        return kept

    def _own(self) -> dict[str, str]:
        return {**self.described, **{METADATA + name: value for name, value in self.metadata.items()}}


def tags_header(tags: Mapping[str, str]) -> str:
    """Tags as ``x-amz-tagging`` has them."""
    return urlencode(tags)


def grant_headers(acl: Mapping[str, object], new_owner: str) -> dict[str, str]:
    """The headers that give an ACL (GetObjectAcl's answer) to an object of ``new_owner``, an account's
    canonical id. Its owner's own grant becomes the new owner's; none are needed where that is the only one.
    """
    owner = _named(acl.get("Owner")).get("ID")
    named: dict[str, list[str]] = {}
    beside_the_owner = False
    grants = acl.get("Grants")
    for grant in grants if isinstance(grants, list) else ():
        grantee, permission = _named(grant.get("Grantee")), grant["Permission"]
        if permission not in _GRANTING:
            continue
        is_owner = bool(owner) and grantee.get("ID") == owner
        beside_the_owner |= not is_owner
        if is_owner:
            who = f'id="{new_owner}"'
        elif grantee.get("URI"):
            who = f'uri="{grantee["URI"]}"'
        elif grantee.get("ID"):
            who = f'id="{grantee["ID"]}"'
        else:
            who = f'emailAddress="{grantee.get("EmailAddress", "")}"'
        named.setdefault(_GRANTING[permission], []).append(who)
    return {header: ", ".join(whom) for header, whom in named.items()} if beside_the_owner else {}


def _named(fields: object) -> Mapping[str, str]:
    return fields if isinstance(fields, dict) else {}


def _type_of(path: str) -> str:
    content_type, encoding = mimetypes.guess_type(path, strict=False)
    # A .gz is stored as what it is; as an encoding, browsers would unpack it.
    if encoding:
        content_type = {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(encoding)
    return content_type or "application/octet-stream"
