"""What CreateMultipartUpload says of the object to come, kept for policies: they ask about it when parts are
sent and the upload is completed, by requests that do not say it again.

It is stored with the headers of the upload, under a name that no request can give, and not of the object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from s3portal.server.gateway.call import Call
from s3portal.server.gateway.request_context import DESCRIBING
from s3portal.server.storage import uploads
from s3portal.server.storage.records import Upload
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request

_STORED_AS = "s3portal-begun-with"


def kept_with(headers: Mapping[str, str], request: S3Request) -> dict[str, str]:
    """Returns the headers of an upload together with what its request says."""
    said = {name: value for name, value in request.headers.items() if name in DESCRIBING}
    return {**headers, _STORED_AS: json.dumps(said, separators=(",", ":"))}


def of_the_object(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers that an upload's object gets."""
    return {name: value for name, value in headers.items() if name != _STORED_AS}


def named_upload(call: Call) -> Upload | None:
    """Returns the upload that a request names; None where there is none."""
    try:
        return uploads.find(call.storage, call.bucket, call.key, call.parameter("uploadId") or "")
    except S3Error as missing:
        if missing.code not in ("NoSuchUpload", "NoSuchBucket"):
            raise
        return None


def as_begun(call: Call) -> S3Request:
    """Returns the request of a call as if it described its upload's object as the upload was begun.

    What an upload of an earlier version was begun with is not known: there the request speaks for itself.
    """
    upload = named_upload(call)
    text = upload.headers.get(_STORED_AS) if upload else None
    if text is None:
        return call.request
    said: dict[str, str] = json.loads(text)
    others = {name: value for name, value in call.request.headers.items() if name not in DESCRIBING}
    return replace(call.request, headers=others | said)
