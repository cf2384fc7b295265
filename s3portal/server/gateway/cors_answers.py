"""What a bucket's CORS rules add to its answers, and the answer to a browser's preflight."""

from __future__ import annotations

from s3portal.server.bucket_settings import cors
from s3portal.server.gateway.bucket_row import BucketRow
from s3portal.server.gateway.own_pages import OwnPages
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request

PREFLIGHT = "Preflight"


def answer_preflight(request: S3Request, bucket: BucketRow, own_pages: OwnPages) -> Reply:
    """Answers OPTIONS, which browsers send without a signature. Raises NoSuchBucket, AccessForbidden."""
    own = own_pages.rule_for(request.headers)
    if own is not None:
        return Reply(200, cors.preflight((own,), request.headers))
    if request.bucket is None:
        raise S3Error("AccessForbidden")
    return Reply(200, cors.preflight(cors.stored_rules(bucket.require().cors), request.headers))


def cors_headers(request: S3Request, bucket: BucketRow, own_pages: OwnPages) -> dict[str, str]:
    """Returns what an answer carries for the page that asked. Errors carry it too: without it a script sees
    a network failure instead of S3's answer."""
    own = own_pages.rule_for(request.headers)
    if own is not None:
        return own.answer_headers(request.header("origin") or "")
    found = bucket.find()
    if found is None or not found.cors:
        return {}
    rules = cors.stored_rules(found.cors)
    origin = request.header("origin")
    # What a request says of a method counts for S3 in every request, not only in a preflight.
    method = request.header("access-control-request-method") or request.method
    rule = cors.first_match(rules, origin, method) if origin else None
    if rule is None:
        # A cache must not give this answer to a page of another origin.
        return {"Vary": cors.VARY}
    return rule.answer_headers(origin or "")
