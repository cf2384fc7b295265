"""Keys that no XML can hold (control characters) in ListMultipartUploads: asked for URL-encoded, and decoded.

boto3 does this for its other listings. Without it, the key of one upload makes the answer unreadable, and so
keeps all others from being found. S3 API Reference, "ListMultipartUploads": encoding-type.
"""

from typing import Any
from urllib.parse import unquote_plus

_OPERATION = "s3.ListMultipartUploads"
_ENCODED = ("KeyMarker", "NextKeyMarker", "Prefix", "Delimiter")
_ENCODED_IN = (("Uploads", "Key"), ("CommonPrefixes", "Prefix"))


def read_encoded_keys(client: Any) -> None:
    """Has a boto3 client ask for encoded keys and decode them, unless a call says itself what it wants."""
    client.meta.events.register(f"before-parameter-build.{_OPERATION}", _ask)
    client.meta.events.register(f"after-call.{_OPERATION}", _decode)


def _ask(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if "EncodingType" not in params:
        params["EncodingType"] = "url"
        context["keys_are_decoded"] = True


def _decode(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    # A store that does not know the parameter does not repeat it either.
    if parsed.get("EncodingType") != "url" or not context.get("keys_are_decoded"):
        return
    for name in _ENCODED:
        if name in parsed:
            parsed[name] = unquote_plus(parsed[name])
    for names, name in _ENCODED_IN:
        for each in parsed.get(names, []):
            if name in each:
                each[name] = unquote_plus(each[name])
