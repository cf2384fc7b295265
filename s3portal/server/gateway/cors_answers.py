"""What a bucket's CORS rules add to its answers, and the answer to a browser's preflight."""

from __future__ import annotations

from s3portal.server.bucket_settings import cors
from s3portal.server.storage import buckets
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request

PREFLIGHT = "Preflight"


def answer_preflight(storage: Storage, request: S3Request) -> Reply:
    """Answers OPTIONS, which browsers send without a signature. Raises NoSuchBucket, AccessForbidden."""
    if request.bucket is None:
        raise S3Error("AccessForbidden")
    bucket = buckets.find(storage, request.bucket)
    return Reply(200, cors.preflight(cors.stored_rules(bucket.cors), request.headers))


def cors_headers(storage: Storage, request: S3Request) -> dict[str, str]:
    """Returns what an answer carries for the page that asked. Errors carry it too: without it a script sees
    a network failure instead of S3's answer."""
    if request.bucket is None:
        return {}
    try:
        rules = cors.stored_rules(buckets.find(storage, request.bucket).cors)
    except S3Error:
        return {}
    origin = request.header("origin")
    rule = cors.first_match(rules, origin, request.method) if origin else None
    if rule is None:
        # A cache must not give this answer to a page of another origin.
        return {"Vary": cors.VARY} if rules else {}
    return rule.answer_headers(origin or "")
