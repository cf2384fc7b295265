"""How a stored file reaches the reader: by a redirect to S3, streamed by Indico, or proxied by nginx.

Indico has checked access before any of this. Whatever the way, a browser shows only types that run nothing;
the rest is downloaded, under its right name.
"""

import re
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from flask import current_app, redirect, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable, ServiceUnavailable

from indico_plugin import _
from indico_plugin.asking import asking_for_a_person
from indico_plugin.lost_files import FileLost, record_lost, require_there
from indico_plugin.object_reader import stream_body
from indico_plugin.object_writer import NOT_THERE
from indico_plugin.options import NGINX, STREAM, BackendOptions, open_backend_store, open_internal_store
from s3portal.transfer import (
    Store,
    StoreBusy,
    StoreUnavailable,
    content_disposition,
    error_code,
    is_passing,
    presign_get,
    safe_content_type,
)

#: What a browser may show under the portal's own address: types in which nothing can run.
_INLINE = re.compile(
    r"application/pdf|text/plain|text/markdown|image/(?:png|jpe?g|gif|webp|avif|bmp|x-icon|tiff)|audio/.*|video/.*"
)

#: As Indico 3.3 has it for files of unknown origin; 3.2 lets scripts of the portal's own address run.
SAFE_FILE_CSP = "default-src 'none'; img-src 'self'; media-src 'self'"

# One range is what players and download managers ask for, and all that S3 answers.
_ONE_RANGE = re.compile(r"bytes=(?:\d+-\d*|-\d+)")


def send_object(
    options: BackendOptions, bucket: str, key: str, content_type: str, filename: str, inline: bool
):
    """The response to a reader's request for a file, in the way the options say.

    ``inline`` is the caller's wish; it holds for types that are safe to show. Raises FileLost where the
    object is gone, ClientError (streaming only), StoreFailed where there are no credentials.
    """
    inline = inline and may_show_inline(content_type, request.user_agent.platform or "")
    if request.method == "HEAD" or options.proxy == STREAM:
        # A URL that is signed for GET is refused for HEAD, so HEAD is never passed on.
        try:
            return _streamed(open_backend_store(options, bucket), key, content_type, filename, inline)
        except (StoreUnavailable, BotoConnectionError, HTTPClientError) as error:
            raise _unreachable(error) from error
        except ClientError as error:
            if is_passing(error):
                raise _unreachable(error) from error
            if error_code(error) not in NOT_THERE:
                raise
            record_lost(options, bucket, key)
            raise FileLost from error
    require_there(options, bucket, key)
    opener = open_internal_store if options.proxy == NGINX else open_backend_store
    url = presign_get(
        opener(options, bucket),
        key,
        filename=filename,
        content_type=content_type,
        expires_s=options.expires,
        inline=inline,
    )
    response = redirect(url)
    # The signed URL is one reader's, for minutes: it must not outlive that in a cache.
    response.headers["Cache-Control"] = "private, no-store"
    if options.proxy == NGINX:
        # nginx takes this path apart again: scheme, host, and everything else with its percent signs.
        response.headers["X-Accel-Redirect"] = "/.xsf/s3/" + quote(url.replace("://", "/", 1))
        # The documented server block keeps it; nginx drops most other headers of this answer.
        response.headers["Content-Security-Policy"] = SAFE_FILE_CSP
    return response


def _unreachable(error: Exception) -> ServiceUnavailable:
    """The page for a reader while the store is away."""
    wait_s = error.retry_after_s if isinstance(error, StoreBusy) else 10
    text = _("The file storage cannot be reached at the moment. Please try again in a minute.")
    return ServiceUnavailable(text, retry_after=wait_s)


def may_show_inline(content_type: str, platform: str) -> bool:
    """Whether the file may be shown in place, by its type, and not on Android, which cannot."""
    return platform.lower() != "android" and bool(
        _INLINE.fullmatch(content_type.split(";")[0].strip().lower())
    )


def _streamed(store: Store, key: str, content_type: str, filename: str, inline: bool):
    """The object through Indico's own process: with ranges, and with memory that does not grow."""
    answer = _get(store, key)
    status = 206 if "ContentRange" in answer else 200
    headers = {
        "Content-Type": safe_content_type(content_type),
        "Content-Disposition": content_disposition(filename, inline=inline),
        "Content-Length": str(answer["ContentLength"]),
        "Content-Security-Policy": SAFE_FILE_CSP,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": answer["ETag"],
        "Last-Modified": answer["LastModified"].strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Cache-Control": "private, no-cache",
    }
    first_byte = 0
    if status == 206:
        headers["Content-Range"] = answer["ContentRange"]
        first_byte = int(answer["ContentRange"].removeprefix("bytes ").split("-")[0])
    body = None if request.method == "HEAD" else stream_body(store, key, answer, first_byte)
    return current_app.response_class(body, status, headers)


def _get(store: Store, key: str) -> Any:
    """GetObject of what the reader asked for; for HEAD without the body, and without a range."""
    target: Any = {"Bucket": store.bucket, "Key": key}
    client = store.client()
    with asking_for_a_person(store):
        if request.method == "HEAD":
            return client.head_object(**target)
        wanted = request.headers.get("Range", "").replace(" ", "")
        etag = request.headers.get("If-Range", "")
        # A date in If-Range is too coarse to say that the file is still the same.
        if not _ONE_RANGE.fullmatch(wanted) or (etag and not etag.startswith('"')):
            return client.get_object(**target)
        try:
            if etag:
                return client.get_object(**target, Range=wanted, IfMatch=etag)
            return client.get_object(**target, Range=wanted)
        except ClientError as error:
            if error_code(error) in ("PreconditionFailed", "412"):
                # RFC 9110, 13.1.5: the file is another one by now, so all of it.
                return client.get_object(**target)
            if error_code(error) in ("InvalidRange", "416"):
                raise RequestedRangeNotSatisfiable(client.head_object(**target)["ContentLength"]) from error
            raise
