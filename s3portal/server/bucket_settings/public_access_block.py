"""Block Public Access: four switches that overrule ACLs and policies which let everybody in.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.xml_values import boolean_of
from s3portal.server.wire.xml_documents import document, fields, refuse_unknown_children

KIND = "publicAccessBlock"
_ELEMENTS = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}


@dataclass(frozen=True)
class PublicAccessBlock:
    """``block_*`` refuse a public ACL or policy when it is put. ``ignore_public_acls`` and
    ``restrict_public_buckets`` take the effect of those that are there."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


NOTHING_BLOCKED = PublicAccessBlock()


@lru_cache(maxsize=256)
def read(stored: str) -> PublicAccessBlock:
    """Returns the switches of a stored document."""
    return PublicAccessBlock(**json.loads(stored))


def of_settings(settings: Mapping[str, str]) -> PublicAccessBlock:
    """Returns the switches of a bucket, all of them off where it has no document."""
    stored = settings.get(KIND)
    return NOTHING_BLOCKED if stored is None else read(stored)


def write(block: PublicAccessBlock) -> str:
    """Returns the document that is stored."""
    return json.dumps(_values(block), separators=(",", ":"))


def of_xml(root: Element) -> PublicAccessBlock:
    """Returns the switches of a PublicAccessBlockConfiguration; raises MalformedXML."""
    refuse_unknown_children(root, _ELEMENTS.values())
    return PublicAccessBlock(**{name: boolean_of(root, element) for name, element in _ELEMENTS.items()})


def to_xml(block: PublicAccessBlock) -> bytes:
    """Returns the PublicAccessBlockConfiguration."""
    values = _values(block)
    pairs = ((element, values[name]) for name, element in _ELEMENTS.items())
    return document("PublicAccessBlockConfiguration", fields(*pairs))


def _values(block: PublicAccessBlock) -> dict[str, bool]:
    return {name: getattr(block, name) for name in _ELEMENTS}
