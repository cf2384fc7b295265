"""The parameters of a call in JSON, checked one by one.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html, ValidationException
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from typing import Any

from s3portal.server.kms.key_errors import invalid
from s3portal.server.wire.errors import S3Error

TAGS_LIMIT = 50
CONTEXT_LIMIT_BYTES = 8192
_TAG = re.compile(r"[\w .:/=+@-]*")


class Parameters:
    """The document of a request. Each function raises ValidationException for a value that is not what it
    has to be, and where a required one is missing."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def text(self, name: str, *, limit: int = 2048, least: int = 1) -> str:
        value = self.optional_text(name, limit=limit, least=least)
        if value is None:
            raise invalid(
                f"1 validation error detected: Value null at '{_member(name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
        return value

    def optional_text(self, name: str, *, limit: int = 2048, least: int = 0) -> str | None:
        value = self._document.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise S3Error("SerializationException", f"{name} must be a text")
        if not least <= len(value) <= limit:
            raise invalid(
                f"1 validation error detected: Value at '{_member(name)}' failed to satisfy constraint: "
                f"Member must have length between {least} and {limit}"
            )
        return value

    def choice(self, name: str, known: Collection[str], default: str) -> str:
        value = self.optional_text(name) or default
        if value not in known:
            raise invalid(
                f"1 validation error detected: Value '{value}' at '{_member(name)}' failed to satisfy "
                f"constraint: Member must satisfy enum value set: [{', '.join(sorted(known))}]"
            )
        return value

    def number(self, name: str, *, least: int, limit: int, default: int | None = None) -> int | None:
        value = self._document.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise S3Error("SerializationException", f"{name} must be a whole number")
        if not least <= value <= limit:
            raise invalid(
                f"1 validation error detected: Value '{value}' at '{_member(name)}' failed to satisfy "
                f"constraint: Member must be between {least} and {limit}"
            )
        return value

    def flag(self, name: str) -> bool:
        value = self._document.get(name, False)
        if value is not None and not isinstance(value, bool):
            raise S3Error("SerializationException", f"{name} must be true or false")
        return bool(value)

    def blob(self, name: str, *, limit_bytes: int) -> bytes:
        """Bytes, in base64."""
        text = self.text(name, limit=limit_bytes * 2 + 8, least=0)
        try:
            value = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as problem:
            raise S3Error("SerializationException", f"{name} must be base64") from problem
        if not 1 <= len(value) <= limit_bytes:
            raise invalid(
                f"1 validation error detected: Value at '{_member(name)}' failed to satisfy constraint: "
                f"Member must have length between 1 and {limit_bytes}"
            )
        return value

    def context(self, name: str = "EncryptionContext") -> dict[str, str]:
        value = self._document.get(name) or {}
        if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
            raise S3Error("SerializationException", f"{name} must be an object of texts")
        if sum(len(key.encode()) + len(text.encode()) for key, text in value.items()) > CONTEXT_LIMIT_BYTES:
            raise invalid(f"{name} has more than {CONTEXT_LIMIT_BYTES} bytes")
        return dict(value)

    def new_context(self, name: str = "EncryptionContext") -> dict[str, str]:
        """The context that something is to be encrypted with: names that differ in case alone are refused,
        since policies cannot tell them apart."""
        found = self.context(name)
        if len({key.lower() for key in found}) < len(found):
            raise invalid(f"{name} has names that differ in case alone")
        return found

    def tags(self) -> dict[str, str]:
        """Raises TagException for keys that come twice or begin with ``aws:``."""
        listed = self._document.get("Tags") or []
        if not isinstance(listed, list):
            raise S3Error("SerializationException", "Tags must be a list")
        found: dict[str, str] = {}
        for tag in listed:
            key, value = (
                (tag.get("TagKey"), tag.get("TagValue")) if isinstance(tag, Mapping) else (None, None)
            )
            if not isinstance(key, str) or not isinstance(value, str):
                raise S3Error("SerializationException", "each of Tags must have TagKey and TagValue")
            is_valid = 0 < len(key) <= 128 and len(value) <= 256 and not key.lower().startswith("aws:")
            if not is_valid or key in found or not _TAG.fullmatch(key + value):
                raise S3Error("TagException", f"the tag {key!r} is not valid")
            found[key] = value
        return found

    def texts(self, name: str) -> list[str]:
        value = self._document.get(name)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise S3Error("SerializationException", f"{name} must be a list of texts")
        return value


def _member(name: str) -> str:
    return name[0].lower() + name[1:]
