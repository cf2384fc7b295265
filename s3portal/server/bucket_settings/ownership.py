"""Object Ownership: who owns what is written into a bucket, and whether ACLs mean anything there.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.xml_values import choice_of, only_child
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import document, element, field, refuse_unknown_children

KIND = "ownershipControls"
BUCKET_OWNER_ENFORCED = "BucketOwnerEnforced"
BUCKET_OWNER_PREFERRED = "BucketOwnerPreferred"
OBJECT_WRITER = "ObjectWriter"
OWNERSHIPS = (BUCKET_OWNER_ENFORCED, BUCKET_OWNER_PREFERRED, OBJECT_WRITER)


@dataclass(frozen=True)
class OwnershipControls:
    """``object_ownership`` is one of OWNERSHIPS."""

    object_ownership: str

    @property
    def acls_are_disabled(self) -> bool:
        """Whether the bucket's owner owns everything in it, and ACLs give nobody anything."""
        return self.object_ownership == BUCKET_OWNER_ENFORCED


#: What new buckets get.
DEFAULT = OwnershipControls(BUCKET_OWNER_ENFORCED)
#: What applies to a bucket without a document: one of an earlier version, or one that lost it by
#: DeleteBucketOwnershipControls.
WITHOUT_CONTROLS = OwnershipControls(OBJECT_WRITER)


@lru_cache(maxsize=256)
def read(stored: str) -> OwnershipControls:
    """Returns the controls of a stored document."""
    return OwnershipControls(json.loads(stored)["object_ownership"])


def of_settings(settings: Mapping[str, str]) -> OwnershipControls:
    """Returns what applies to a bucket."""
    stored = settings.get(KIND)
    return WITHOUT_CONTROLS if stored is None else read(stored)


def write(controls: OwnershipControls) -> str:
    """Returns the document that is stored."""
    return json.dumps({"object_ownership": controls.object_ownership}, separators=(",", ":"))


def of_header(value: str | None) -> OwnershipControls:
    """Returns what x-amz-object-ownership asks for a new bucket; raises InvalidArgument."""
    if value is None:
        return DEFAULT
    if value not in OWNERSHIPS:
        facts = {"ArgumentName": "x-amz-object-ownership", "ArgumentValue": value}
        raise S3Error("InvalidArgument", f"Invalid x-amz-object-ownership header: {value}", facts=facts)
    return OwnershipControls(value)


def of_xml(root: Element) -> OwnershipControls:
    """Returns the controls of an OwnershipControls document; raises MalformedXML."""
    refuse_unknown_children(root, ["Rule"])
    rule = only_child(root, "Rule")
    refuse_unknown_children(rule, ["ObjectOwnership"])
    return OwnershipControls(choice_of(rule, "ObjectOwnership", OWNERSHIPS))


def to_xml(controls: OwnershipControls) -> bytes:
    """Returns the OwnershipControls document."""
    return document("OwnershipControls", element("Rule", field("ObjectOwnership", controls.object_ownership)))
