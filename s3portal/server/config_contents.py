"""What the configuration file puts into a bucket: its policy, versioning, and objects.

For tests and demonstrations: one file, JSON or YAML, describes everything that a server has when it starts.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.authority.policy import PolicyError
from s3portal.server.config_values import ConfigError, list_of, object_of, refuse_repeats, text_of
from s3portal.server.wire.s3_request import KEY_LIMIT_BYTES

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
VERSIONING_STATES = ("Enabled", "Suspended")


@dataclass(frozen=True)
class ObjectConfig:
    """An object that is stored when the server starts, unless its key is taken by then."""

    key: str
    content: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ContentsConfig:
    """What is None or empty is left as it is. ``policy`` is the JSON text of a bucket policy."""

    policy: str | None = None
    versioning: str | None = None
    objects: tuple[ObjectConfig, ...] = ()


FIELDS = tuple(ContentsConfig.__dataclass_fields__)


def read_contents(found: Mapping[str, Any], bucket: str, place: str) -> ContentsConfig:
    """Returns the contents of a bucket's entry; raises ConfigError."""
    versioning = text_of(found, "versioning", place, default="")
    if versioning is not None and versioning not in VERSIONING_STATES:
        raise ConfigError(f"{place}: versioning must be one of {', '.join(VERSIONING_STATES)}")
    objects = tuple(
        _object(entry, f"{place}.objects[{number}]") for number, entry in enumerate(list_of(found, "objects"))
    )
    refuse_repeats(f"{place}.objects", [one.key for one in objects])
    return ContentsConfig(_policy(found, bucket, place), versioning, objects)


def _policy(found: Mapping[str, Any], bucket: str, place: str) -> str | None:
    if "policy" not in found:
        return None
    text = json.dumps(found["policy"])
    try:
        read_bucket_policy(text, bucket)
    except PolicyError as problem:
        raise ConfigError(f"{place}.policy: {problem}") from problem
    return text


def _object(entry: Any, place: str) -> ObjectConfig:
    known = ("key", "text", "base64", "content_type", "metadata")
    found = object_of(entry, place, known)
    key = text_of(found, "key", place) or ""
    if not 0 < len(key.encode()) <= KEY_LIMIT_BYTES:
        raise ConfigError(f"{place}: a key must have 1 to {KEY_LIMIT_BYTES} bytes")
    if ("text" in found) == ("base64" in found):
        raise ConfigError(f"{place} needs either text or base64")
    content_type = text_of(found, "content_type", place, default="") or DEFAULT_CONTENT_TYPE
    metadata = found.get("metadata", {})
    if not isinstance(metadata, Mapping) or not all(
        isinstance(part, str) for pair in metadata.items() for part in pair
    ):
        raise ConfigError(f"{place}: metadata must be an object of texts")
    headers = [("content-type", content_type)]
    headers += [(f"x-amz-meta-{name.lower()}", value) for name, value in metadata.items()]
    return ObjectConfig(key, _content(found, place), tuple(headers))


def _content(found: Mapping[str, Any], place: str) -> bytes:
    if "text" in found:
        # An empty text is an empty object.
        if not isinstance(found["text"], str):
            raise ConfigError(f"{place}: text must be a text")
        return found["text"].encode()
    try:
        return base64.b64decode(str(found["base64"]), validate=True)
    except binascii.Error as problem:
        raise ConfigError(f"{place}: base64 is not valid: {problem}") from problem
