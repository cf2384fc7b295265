"""The conditions of a deletion: on the ETag, the time and the size of what is deleted.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html; the time and the size
are those of directory buckets, https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from xml.etree.ElementTree import Element

from s3portal.server.api.objects.conditions import etag_matches
from s3portal.server.api.versions.version_ids import no_such_version
from s3portal.server.http.values import parse_date, whole_number
from s3portal.server.storage.objects import no_such_key
from s3portal.server.storage.records import Version
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.xml_documents import text_of

_MODIFIED, _SIZE = "x-amz-if-match-last-modified-time", "x-amz-if-match-size"
CONDITIONS = ("if-match", _MODIFIED, _SIZE)


@dataclass(frozen=True)
class DeletionConditions:
    """What must be true of what is deleted; None where that does not matter. ``modified_s`` is a time in
    seconds since 1970."""

    etag: str | None = None
    modified_s: int | None = None
    size_bytes: int | None = None

    def check(self, key: str, version_id: str | None, found: Version | None) -> None:
        """Raises PreconditionFailed; NoSuchKey or NoSuchVersion where an ETag is asked of nothing."""
        if found is None:
            if self.etag is not None:
                raise no_such_key(key) if version_id is None else no_such_version(key, version_id)
            return
        # A delete marker has no ETag, so not even * matches it.
        if self.etag is not None and (found.found is None or not etag_matches(self.etag, found.found.etag)):
            raise _failed("If-Match")
        if self.modified_s is not None and self.modified_s != found.modified_at // 1000:
            raise _failed(_MODIFIED)
        if self.size_bytes is not None and self.size_bytes != (found.found.size_bytes if found.found else 0):
            raise _failed(_SIZE)


def conditions_of_headers(request: S3Request) -> DeletionConditions:
    """Returns the conditions of DeleteObject. Raises InvalidArgument, and NotImplemented for If-None-Match:
    whoever sends it would lose what they mean to keep."""
    if request.header("if-none-match"):
        raise S3Error("NotImplemented", facts={"Header": "If-None-Match"})
    return _conditions(
        (CONDITIONS[0], request.header(CONDITIONS[0])),
        (_MODIFIED, request.header(_MODIFIED)),
        (_SIZE, request.header(_SIZE)),
    )


def conditions_of_element(node: Element) -> DeletionConditions:
    """Returns the conditions of one Object of DeleteObjects. Raises InvalidArgument."""
    etag, modified, size = ((name, text_of(node, name)) for name in ("ETag", "LastModifiedTime", "Size"))
    return _conditions(etag, modified, size)


def _conditions(
    etag: tuple[str, str | None], modified: tuple[str, str | None], size: tuple[str, str | None]
) -> DeletionConditions:
    modified_s = _moment_s(modified[1]) if modified[1] else None
    size_bytes = whole_number(size[1]) if size[1] else None
    for (name, text), value in ((modified, modified_s), (size, size_bytes)):
        if text and value is None:
            facts = {"ArgumentName": name, "ArgumentValue": text}
            raise S3Error("InvalidArgument", f"{name} cannot be read", facts=facts)
    return DeletionConditions(etag[1] or None, modified_s, size_bytes)


def _moment_s(text: str) -> int | None:
    """Returns an HTTP date or an ISO 8601 time in seconds; None for what is neither."""
    moment_s = parse_date(text)
    if moment_s is not None or len(text) > 64:
        return moment_s
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
    except (ValueError, OverflowError):
        return None


def _failed(condition: str) -> S3Error:
    return S3Error("PreconditionFailed", facts={"Condition": condition})
