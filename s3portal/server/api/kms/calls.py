"""What every operation of the key management begins with: the key that is named, and the caller's right."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from s3portal.server.api.kms.parameters import Parameters
from s3portal.server.api.kms.permission import decide_on, decide_without_key
from s3portal.server.authority.decision import Decision
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.call import Call
from s3portal.server.kms.key_records import Key
from s3portal.server.kms.keys import Keys
from s3portal.server.wire.errors import S3Error

Document = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class KeyCall:
    """A call of the key management: who calls, and with which parameters."""

    call: Call
    parameters: Parameters

    @property
    def keys(self) -> Keys:
        return self.call.service.keys

    @property
    def account_id(self) -> str:
        return self.call.account_id

    def named_key(self, action: str, name: str = "KeyId", context: Mapping[str, str] | None = None) -> Key:
        """Returns the key that a parameter names, once the caller may do ``action`` with it.

        Raises NotFoundException, InvalidArnException, ValidationException, AccessDenied.
        """
        key = self.keys.find(self.parameters.text(name), self.account_id)
        self.require(action, key, context)
        return key

    def require(
        self, action: str, key: Key, context: Mapping[str, str] | None = None, *, is_all: bool = True
    ) -> None:
        """Raises AccessDenied unless the caller may do this, and DryRunOperationException where it may, and
        only wants to know that: once this is all that it needs."""
        _require(decide_on(self.call, f"kms:{action}", key, context or {}))
        if is_all and self.parameters.flag("DryRun"):
            raise S3Error("DryRunOperationException")

    def require_without_key(self, action: str, resource: str = "*") -> None:
        _require(decide_without_key(self.call, f"kms:{action}", resource))


Handler = Callable[[KeyCall], Document]


def _require(decision: Decision) -> None:
    if not decision.allowed:
        raise AccessDenied(decision)


def page(
    asked: KeyCall, items: Sequence[T], name: str, show: Callable[[T], Any], marker_of: Callable[[T], str]
) -> Document:
    """Returns a page of a list in the order of its markers: from behind ``Marker``, ``Limit`` of it."""
    limit = asked.parameters.number("Limit", least=1, limit=1000, default=100) or 100
    after = asked.parameters.optional_text("Marker", limit=1024)
    left = [item for item in items if after is None or marker_of(item) > after]
    document: Document = {name: [show(item) for item in left[:limit]], "Truncated": len(left) > limit}
    if len(left) > limit:
        document["NextMarker"] = marker_of(left[limit - 1])
    return document


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def seconds(moment_ms: int) -> float:
    """Returns a time as AWS's JSON has it: seconds since 1970."""
    return moment_ms / 1000
