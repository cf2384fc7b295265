"""Settings of MyFSIO's buckets, as this server stores them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from s3portal.server.bucket_settings import cors, encryption, lifecycle, lifecycle_documents, tagging
from s3portal.server.bucket_settings.quota_documents import LIMITS, limits_of
from s3portal.server.storage.records import Quota
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import checked_tags

VERSIONING = "versioning_enabled"
_READ_BY_THEMSELVES = frozenset({VERSIONING, "quota", "created", "created_at"})


def settings_of(noted: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Returns the documents of a bucket by their kind, and what of it cannot be taken over, with why."""
    documents: dict[str, str] = {}
    left_out = [
        f"{name}: this server has nothing like it"
        for name in sorted(noted.keys() - _READERS.keys() - _READ_BY_THEMSELVES)
    ]
    for name, (kind, read) in _READERS.items():
        value = noted.get(name)
        if not value:
            continue
        try:
            documents[kind] = read(value)
        except S3Error as refused:
            left_out.append(f"{name}: {refused.message}")
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as problem:
            left_out.append(f"{name}: {problem}")
    return documents, left_out


def quota_of(noted: Mapping[str, Any]) -> Quota | None:
    """Returns the quota of a bucket, None without one. Raises ValueError."""
    found = noted.get("quota")
    if not isinstance(found, Mapping):
        return None
    return Quota(*limits_of({name: found.get(name) for name in LIMITS}))


def _encryption(value: Any) -> str:
    rules = value.get("Rules") or value.get("rules")
    rule = rules[0].get("ApplyServerSideEncryptionByDefault", rules[0])
    algorithm = rule.get("SSEAlgorithm", encryption.AES256)
    if algorithm not in (encryption.AES256, "aws:kms"):
        raise ValueError(f"the algorithm {algorithm} is unknown")
    key_id = rule.get("KMSMasterKeyID") or None
    return encryption.write(encryption.BucketEncryption(algorithm, kms_key_id=key_id and str(key_id).lower()))


def _tags(value: Any) -> str:
    return tagging.write(dict(checked_tags([(tag["Key"], tag.get("Value", "")) for tag in value])))


def _lifecycle(value: Any) -> str:
    """Its rules have the names of S3's XML, and the filter or the prefix of either of its forms."""
    root = Element("LifecycleConfiguration")
    for rule in value:
        given = dict(rule)
        given.setdefault("Filter", {"Prefix": given.pop("Prefix", "")})
        _add(root, "Rule", given)
    return lifecycle.write(lifecycle_documents.of_xml(root, None))


def _add(parent: Element, name: str, value: Any) -> None:
    for one in value if isinstance(value, list) else [value]:
        node = SubElement(parent, name)
        if isinstance(one, Mapping):
            for child, content in one.items():
                _add(node, str(child), content)
        else:
            node.text = str(one).lower() if isinstance(one, bool) else str(one)


_READERS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "encryption": (encryption.KIND, _encryption),
    "tags": (tagging.KIND, _tags),
    "lifecycle": (lifecycle.KIND, _lifecycle),
    "cors": ("cors", lambda value: cors.rules_to_json(cors.rules_of_json(value))),
}
