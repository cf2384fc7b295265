"""What the rules of the upload protocol's contract have in common."""

from collections.abc import Callable
from typing import Any

from contract_portal import Answer, Person, PortalInTest, send

MIB = 1024 * 1024
CONTENT = b"1,2"
NOBODYS = "9f0c6a34-0000-4000-8000-000000000000"
UPLOAD_FIELDS = {
    "id",
    "state",
    "owner",
    "filename",
    "size",
    "content_type",
    "part_size",
    "part_count",
    "stored",
    "stored_bytes",
    "checksum",
    "created_at",
    "updated_at",
    "expires_at",
}
#: The calls for one upload, with what else they need.
FOR_AN_UPLOAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("show", {}),
    ("sign_parts", {"part_numbers": [1]}),
    ("complete", {}),
    ("abort", {}),
    ("credentials", {}),
)
#: None is that of what is sent here.
WRONG_CHECKSUMS = {"CRC64NVME": "AAAAAAAAAAA=", "CRC32C": "AAAAAA==", "MD5": f"{'0' * 32}-1"}
COMPLETING_REQUESTS = ("ListParts", "CompleteMultipartUpload", "HeadObject")

Rule = Callable[[PortalInTest], None]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """One of the contract's rules."""
    RULES.append(function)
    return function


def create(portal: PortalInTest, person: Person | None = None, **asked: Any) -> Answer:
    """Asks to begin an upload to the portal's owner."""
    fields = {
        "owner": portal.owner,
        "filename": "gauges.csv",
        "size": len(CONTENT),
        "content_type": "text/csv",
    }
    return (person or portal.publisher)("create", **{**fields, **asked})


def sent(portal: PortalInTest, content: bytes = CONTENT, **asked: Any) -> str:
    """The id of an upload all of whose parts are at the store."""
    created = create(portal, size=len(content), **asked).result
    send(created, content)
    return str(created["upload"]["id"])


def completed(portal: PortalInTest, content: bytes = CONTENT, **asked: Any) -> str:
    """The id of a completed upload."""
    upload_id = sent(portal, content, **asked)
    assert portal.publisher("complete", id=upload_id).result["state"] == "completed"
    return upload_id
