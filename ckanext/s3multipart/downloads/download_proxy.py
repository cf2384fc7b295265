"""Passing a file through CKAN, in constant memory: only where the administrator turned it on.

It is a way of its own (``download_mode = proxy``). It is also one for callers with an Authorization header
(``proxy_token_downloads``): S3 refuses a request that has one besides a presigned URL. Most clients drop the
header when a redirect leads to another host; for those that do not, the bytes take this way.
"""

import re
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from flask import Response, request

from ckanext.s3multipart.downloads.presentation import OWN_ORIGIN_HEADERS, Presentation
from s3portal.transfer import (
    Body,
    ObjectGone,
    ResumingBody,
    Store,
    Upload,
    asking,
    error_code,
    store_errors,
)

_CHUNK_BYTES = 1024 * 1024
_MISSING_CODES = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
#: One range is what players and download managers ask for, and all that S3 answers.
_ONE_RANGE = re.compile(r"bytes=(?:[0-9]+-[0-9]*|-[0-9]+)")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/[0-9]+")


def passed_through(
    store: Store, upload: Upload, presentation: Presentation, last_modified: datetime | None = None
) -> Response:
    """The file, or the range of it that was asked for. ``last_modified`` is the time that readers were told,
    which a range may depend on. Raises ObjectGone, StoreUnavailable, StoreFailed."""
    asked: dict[str, Any] = {}
    if asked_range := _asked_range(upload, last_modified):
        asked["Range"] = asked_range
    if upload.version_id:
        asked["VersionId"] = upload.version_id
    with asking(store), store_errors("GetObject"):
        try:
            stored = store.client().get_object(Bucket=store.bucket, Key=upload.key, **asked)
        except ClientError as error:
            if error_code(error) in _MISSING_CODES:
                raise ObjectGone from error
            if error_code(error) != "InvalidRange":
                raise
            return Response(status=416, headers={"Content-Range": f"bytes */{upload.size_bytes}"})
    content_range = stored.get("ContentRange", "")
    within = _CONTENT_RANGE.fullmatch(content_range)
    first_byte = int(within[1]) if within else 0
    body = _content(store, upload, stored, first_byte)
    response = Response(body.blocks(_CHUNK_BYTES), status=206 if within else 200, direct_passthrough=True)
    # A client that goes away before the first block leaves the generator unstarted.
    response.call_on_close(body.close)
    response.headers.update(OWN_ORIGIN_HEADERS)
    response.headers["Content-Length"] = str(stored["ContentLength"])
    response.headers["Content-Type"] = presentation.content_type
    response.headers["Content-Disposition"] = presentation.disposition
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = stored["ETag"]
    response.last_modified = stored["LastModified"]
    if within:
        response.headers["Content-Range"] = content_range
    return response


def _asked_range(upload: Upload, last_modified: datetime | None) -> str:
    """The range to ask the store for, "" for the whole file: also where If-Range names another content
    (RFC 9110, section 13.1.5), and for several ranges, which S3 does not answer."""
    wanted = request.headers.get("Range", "").replace(" ", "")
    if not _ONE_RANGE.fullmatch(wanted):
        return ""
    condition = request.if_range
    if condition.etag is not None:
        is_weak = request.headers["If-Range"].strip().startswith("W/")
        return "" if is_weak or condition.etag != upload.etag else wanted
    if condition.date is not None:
        is_same = last_modified is not None and last_modified.replace(microsecond=0) == condition.date
        return wanted if is_same else ""
    return wanted


def _content(store: Store, upload: Upload, stored: Any, first_byte: int) -> ResumingBody:
    """The body of an answer that begins at ``first_byte``. Where the connection breaks, reading continues,
    and only if the object is still the same."""
    end = first_byte + stored["ContentLength"]
    asked: dict[str, Any] = {"IfMatch": stored["ETag"]}
    if upload.version_id:
        asked["VersionId"] = upload.version_id

    def open_from(start: int) -> Body:
        span = f"bytes={start}-{end - 1}"
        with store_errors("GetObject"):
            return store.client().get_object(Bucket=store.bucket, Key=upload.key, Range=span, **asked)["Body"]

    return ResumingBody(open_from, first_byte, end, stored["Body"])
