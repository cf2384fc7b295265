"""Conditional requests: If-Match and its kin, for reading (RFC 9110, section 13) and for writing."""

from __future__ import annotations

from s3portal.server.http import values
from s3portal.server.http.values import list_of, parse_date
from s3portal.server.storage.objects import Precondition, no_such_key
from s3portal.server.storage.records import StoredObject
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request


def check_read(request: S3Request, found: StoredObject, prefix: str = "") -> None:
    """Raises NotModified or PreconditionFailed for a GET, HEAD or, with a prefix, the source of a copy."""

    def header(name: str) -> str | None:
        return request.header(prefix + name) or None

    if_match, if_none_match = header("if-match"), header("if-none-match")
    # RFC 9110, 13.2.2: a date counts only where there is no entity tag.
    if if_match is not None:
        if not etag_matches(if_match, found.etag):
            raise _failed(prefix + "If-Match")
    elif _modified_after(found, header("if-unmodified-since"), unreadable=False):
        raise _failed(prefix + "If-Unmodified-Since")
    if if_none_match is not None:
        if etag_matches(if_none_match, found.etag):
            raise _not_changed(found, prefix, "If-None-Match")
    elif not _modified_after(found, header("if-modified-since"), unreadable=True):
        raise _not_changed(found, prefix, "If-Modified-Since")


def _modified_after(found: StoredObject, date: str | None, *, unreadable: bool) -> bool:
    """Whether the object is newer than a header's date; ``unreadable`` where there is no such date."""
    moment_s = parse_date(date)
    return unreadable if moment_s is None else modified_s(found) > moment_s


def write_precondition(request: S3Request) -> Precondition:
    """Returns the check of a conditional write: If-None-Match: * for "only if new", If-Match for "only over
    this version". It runs inside the transaction, so of two writers only one gets through.

    Entity tags in If-None-Match are refused, as S3 does, and so are both headers together: a policy that
    demands the header would otherwise let everything be overwritten.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
    """
    if_match, if_none_match = request.header("if-match") or None, request.header("if-none-match") or None
    if if_none_match is not None and if_match is not None:
        raise _not_offered(
            "If-Match,If-None-Match", "Multiple conditional request headers present in the request"
        )
    if if_none_match is not None and if_none_match != "*":
        message = "We don't accept the provided value of If-None-Match header for this API"
        raise _not_offered("If-None-Match", message)

    def check(found: StoredObject | None) -> None:
        if if_none_match is not None and found is not None:
            raise _failed("If-None-Match")
        if if_match is not None:
            if found is None:
                raise no_such_key(request.key or "")
            if not etag_matches(if_match, found.etag):
                raise _failed("If-Match")

    return check


def check_target(request: S3Request, found: StoredObject | None) -> None:
    """Raises PreconditionFailed for a renaming onto what is, or is not, at the new key."""
    if_match, if_none_match = request.header("if-match") or None, request.header("if-none-match") or None
    if if_match is not None and (found is None or not etag_matches(if_match, found.etag)):
        raise _failed("If-Match")
    if if_none_match is not None and found is not None and etag_matches(if_none_match, found.etag):
        raise _failed("If-None-Match")
    since, until = request.header("if-modified-since"), request.header("if-unmodified-since")
    if parse_date(since) is not None and (
        found is None or not _modified_after(found, since, unreadable=True)
    ):
        raise _failed("If-Modified-Since")
    if found is not None and _modified_after(found, until, unreadable=False):
        raise _failed("If-Unmodified-Since")


def etag_matches(header: str, etag: str) -> bool:
    """Whether a list of entity tags (or ``*``) names this one; the quotes may be missing, as with S3."""
    tags = (tag.removeprefix("W/").strip('"') for tag in list_of(header))
    return any(tag in ("*", etag) for tag in tags)


def modified_s(found: StoredObject) -> int:
    return found.modified_at // 1000


def http_date(found: StoredObject) -> str:
    return values.http_date(modified_s(found))


def _not_offered(header: str, message: str) -> S3Error:
    return S3Error("NotImplemented", facts={"Header": header, "additionalMessage": message})


def _failed(condition: str) -> S3Error:
    return S3Error("PreconditionFailed", facts={"Condition": condition})


def _not_changed(found: StoredObject, prefix: str, condition: str) -> S3Error:
    if prefix:
        return _failed(prefix + condition)
    return S3Error("NotModified", headers={"ETag": f'"{found.etag}"', "Last-Modified": http_date(found)})
