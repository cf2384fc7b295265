"""Links that let others do one thing with one object for a while."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import segno
from botocore.exceptions import ClientError
from flask import Blueprint, Response, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.errors import sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

LONGEST_S = 7 * 24 * 3600
_OPERATIONS = {"GET": "get_object", "PUT": "put_object", "DELETE": "delete_object"}
_UNITS = {"minutes": 60, "hours": 3600, "days": 24 * 3600}

sharing_pages = Blueprint("sharing", __name__)


@sharing_pages.get("/buckets/<bucket>/object/share")
def show(bucket: str) -> AnyResponse:
    return _page(bucket, request.args.get("key", ""), request.args.get("version"))


@sharing_pages.post("/buckets/<bucket>/object/share")
def make(bucket: str) -> AnyResponse:
    form = request.form
    key, version, method = form.get("key", ""), form.get("version") or None, form.get("method", "GET")
    number, unit = form.get("number", ""), form.get("unit", "hours")
    lifetime_s = int(number) * _UNITS.get(unit, 3600) if number.isdecimal() and len(number) < 9 else 0
    if method not in _OPERATIONS or not 1 <= lifetime_s <= LONGEST_S:
        problem = _("A link lasts at least a minute and at most 7 days.")
        return _page(bucket, key, version, problem=problem)
    named = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version and method != "PUT" else {})}
    if method == "GET":
        try:
            # A link that would be refused helps nobody.
            visit().s3.head_object(**named)
        except ClientError as refused:
            return _page(bucket, key, version, problem=sentence_of(refused))
    url = visit().link(_OPERATIONS[method], named, lifetime_s)
    ends_at = datetime.now(timezone.utc) + timedelta(seconds=lifetime_s)
    return _page(bucket, key, version, url=url, method=method, ends_at=ends_at)


def _page(
    bucket: str,
    key: str,
    version: str | None,
    *,
    problem: str = "",
    url: str = "",
    method: str = "GET",
    ends_at: datetime | None = None,
) -> AnyResponse:
    page = render_template(
        "console/sharing.html",
        bucket=bucket,
        key=key,
        name=key.rpartition("/")[2] or key,
        version=version,
        problem=problem,
        url=url,
        method=method,
        ends_at=ends_at,
        code=Markup(_code_of(url)),  # noqa: S704  (segno's drawing: the link itself is not in it)
    )
    return Response(page, 400 if problem else 200)


def _code_of(url: str) -> str:
    """The link as a QR code; '' where it is longer than a code can be (2,953 bytes)."""
    if not url:
        return ""
    try:
        return segno.make(url, error="l", micro=False).svg_inline(scale=3, omitsize=True)
    except segno.DataOverflowError:
        return ""
