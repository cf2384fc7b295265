"""Default encryption of a bucket.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.xml_values import (
    boolean_of,
    choice_of,
    malformed,
    only_child,
    trimmed_text_of,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import document, element, field, refuse_unknown_children

KIND = "encryption"
AES256 = "AES256"
_ALGORITHMS = (AES256, "aws:kms", "aws:kms:dsse")
_BLOCKABLE = ("SSE-C", "NONE")


@dataclass(frozen=True)
class BucketEncryption:
    """``blocked_types`` are ways of encryption that uploads may not ask for;
    ``kms_key_id`` names a key as it was given, None for the account's own."""

    algorithm: str = AES256
    bucket_key_enabled: bool = False
    blocked_types: tuple[str, ...] = ()
    kms_key_id: str | None = None


#: What every bucket has since 5 January 2023.
DEFAULT = BucketEncryption()


def read(stored: str | None) -> BucketEncryption:
    """Returns the encryption of a stored document, the default where there is none."""
    if stored is None:
        return DEFAULT
    values = json.loads(stored)
    return BucketEncryption(
        values["algorithm"],
        values["bucket_key_enabled"],
        tuple(values.get("blocked_types", ())),
        values.get("kms_key_id"),
    )


def of_settings(settings: Mapping[str, str]) -> BucketEncryption | None:
    """Returns the encryption that a bucket was given, by its settings; None where it was given none."""
    stored = settings.get(KIND)
    return None if stored is None else read(stored)


def write(found: BucketEncryption) -> str:
    """Returns the document that is stored."""
    return json.dumps(vars(found), separators=(",", ":"))


def of_xml(root: Element) -> BucketEncryption:
    """Returns the encryption of a ServerSideEncryptionConfiguration.

    Raises MalformedXML, InvalidArgument.
    """
    refuse_unknown_children(root, ["Rule"])
    rule = only_child(root, "Rule")
    refuse_unknown_children(
        rule, ["ApplyServerSideEncryptionByDefault", "BucketKeyEnabled", "BlockedEncryptionTypes"]
    )
    blocked = rule.find("BlockedEncryptionTypes")
    types = () if blocked is None else _blocked(blocked)
    default = rule.find("ApplyServerSideEncryptionByDefault")
    if default is None:
        if blocked is None and rule.find("BucketKeyEnabled") is None:
            raise malformed()
        return BucketEncryption(AES256, boolean_of(rule, "BucketKeyEnabled"), types)
    refuse_unknown_children(default, ["SSEAlgorithm", "KMSMasterKeyID"])
    algorithm = choice_of(default, "SSEAlgorithm", _ALGORITHMS)
    if algorithm == AES256 and trimmed_text_of(default, "KMSMasterKeyID"):
        message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"
        raise S3Error(
            "InvalidArgument", message, facts={"ArgumentName": "ApplyServerSideEncryptionByDefault"}
        )
    key_id = trimmed_text_of(default, "KMSMasterKeyID") or None
    return BucketEncryption(algorithm, boolean_of(rule, "BucketKeyEnabled"), types, key_id)


def _blocked(node: Element) -> tuple[str, ...]:
    refuse_unknown_children(node, ["EncryptionType"])
    found = tuple((child.text or "").strip() for child in node.findall("EncryptionType"))
    if not found or not set(found) <= set(_BLOCKABLE):
        raise malformed()
    return found


def to_xml(found: BucketEncryption) -> bytes:
    """Returns the ServerSideEncryptionConfiguration."""
    key_id = field("KMSMasterKeyID", found.kms_key_id) if found.kms_key_id else ""
    default = element("ApplyServerSideEncryptionByDefault", field("SSEAlgorithm", found.algorithm), key_id)
    types = "".join(field("EncryptionType", name) for name in found.blocked_types)
    blocked = element("BlockedEncryptionTypes", types) if types else ""
    rule = element("Rule", default, field("BucketKeyEnabled", found.bucket_key_enabled), blocked)
    return document("ServerSideEncryptionConfiguration", rule)
