"""Passing a file through CKAN, in constant memory: only where the administrator turned it on.

S3 refuses a request that has an Authorization header besides a presigned URL. Most clients drop the header
when a redirect leads to another host; for those that do not, the bytes take this way.
"""

from typing import Any

from botocore.exceptions import ClientError
from flask import Response, request

from ckanext.s3multipart.interfaces import Download
from s3portal.transfer import Store, Upload, content_disposition, error_code, safe_content_type, store_errors

_CHUNK_BYTES = 1024 * 1024


def passed_through(store: Store, upload: Upload, terms: Download) -> Response:
    """The file, or the range of it that was asked for. Raises StoreUnavailable, StoreFailed."""
    asked_range = request.headers.get("Range")
    asked: Any = {"Range": asked_range} if asked_range else {}
    if upload.version_id:
        asked["VersionId"] = upload.version_id
    with store_errors("GetObject"):
        try:
            stored = store.client().get_object(Bucket=store.bucket, Key=upload.key, **asked)
        except ClientError as error:
            if error_code(error) != "InvalidRange":
                raise
            return Response(status=416, headers={"Content-Range": f"bytes */{upload.size_bytes}"})
    body = stored["Body"]
    response = Response(
        body.iter_chunks(_CHUNK_BYTES),
        status=stored["ResponseMetadata"]["HTTPStatusCode"],
        direct_passthrough=True,
    )
    response.call_on_close(body.close)
    response.headers["Content-Length"] = str(stored["ContentLength"])
    response.headers["Content-Type"] = safe_content_type(terms.content_type)
    response.headers["Content-Disposition"] = content_disposition(terms.filename, terms.inline)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = stored["ETag"]
    response.last_modified = stored["LastModified"]
    if "ContentRange" in stored:
        response.headers["Content-Range"] = stored["ContentRange"]
    return response
