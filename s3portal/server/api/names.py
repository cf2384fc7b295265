"""How names are written in listings."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from s3portal.server.gateway.call import Call
from s3portal.server.wire.errors import S3Error

# Entries a page: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
PAGE_LIMIT = 1000
_NEEDS_NO_CODE = re.compile(r"[A-Za-z0-9/_.~*-]*").fullmatch


def name_encoder(call: Call) -> Callable[[str], str]:
    """Returns how names are written: with encoding-type=url, as URLs have them (``/`` kept)."""
    kind = call.parameter("encoding-type")
    if not kind:
        return str
    if kind != "url":
        facts = {"ArgumentName": "encoding-type", "ArgumentValue": kind}
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request", facts=facts)
    return _in_url


def _in_url(name: str) -> str:
    return name if _NEEDS_NO_CODE(name) else quote(name, safe="/-_.~*")


def optional(name: Callable[[str], str], value: str | None) -> str | None:
    return None if value is None else name(value)
