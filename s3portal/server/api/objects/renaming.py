"""RenameObject: a new key in one step, for objects of buckets that have never kept versions.

S3 has it for directory buckets; here it is in every bucket that could be one.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from s3portal.server.api.objects.conditions import check_read, check_target
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, WRITE_CONDITIONS, Operation
from s3portal.server.storage import objects, renaming
from s3portal.server.storage.records import StoredObject
from s3portal.server.storage.renaming import Renaming
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import KEY_LIMIT_BYTES

SOURCE_HEADER = "x-amz-rename-source"
_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")


def rename_object(call: Call) -> Reply:
    source, token = _placed(call, _source(call)), call.header("x-amz-client-token") or None
    if token is not None and not _TOKEN.fullmatch(token):
        message = "A client token has up to 64 characters of ASCII, without spaces"
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": "x-amz-client-token"})
    for action in ("s3:GetObject", "s3:DeleteObject"):
        call.require(action, call.bucket, source)
    if source == call.key:
        raise S3Error(
            "InvalidRequest", "The source and the destination of a renaming must be different keys."
        )

    def check(found: StoredObject, target: StoredObject | None) -> None:
        call.judged.act_on(call.bucket, source, None, found)
        check_read(call.request, found, prefix=f"{SOURCE_HEADER}-")
        check_target(call.request, target)

    renaming.rename(call.storage, Renaming(call.bucket, source, call.key, token), check)
    return Reply(200)


def _placed(call: Call, source: str) -> str:
    """Returns the key of the source. Some of AWS's examples have the bucket before it, as a copy has: that
    is meant where no object is called so."""
    path, prefix = source.removeprefix("/"), f"{call.bucket}/"
    key = path.removeprefix(prefix)
    if not key or key == path or objects.find(call.storage, call.bucket, source) is not None:
        return source
    return key


def _source(call: Call) -> str:
    header = call.header(SOURCE_HEADER) or ""
    try:
        # The header's characters are its bytes: some write a name as it is, without encoding it.
        key = unquote_to_bytes(header.encode("latin-1")).decode()
    except UnicodeError:
        key = ""
    if not 0 < len(key.encode()) <= KEY_LIMIT_BYTES:
        facts = {"ArgumentName": SOURCE_HEADER, "ArgumentValue": header}
        raise S3Error("InvalidArgument", "The rename source must be an object key, URL-encoded", facts=facts)
    return key


OPERATIONS = (
    Operation(
        "RenameObject",
        OBJECT,
        "PUT",
        ("renameObject",),
        "s3:PutObject",
        rename_object,
        creates_object=True,
        conditional=WRITE_CONDITIONS,
    ),
)
