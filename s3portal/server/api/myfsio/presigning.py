"""``POST /presign/<bucket>/<key>``: a URL signed with the caller's own key.

Whether the caller may do what the URL does is asked here and again when the URL is used.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

from s3portal.server.access import sigv4
from s3portal.server.access.authenticator import DEFAULT_REGION
from s3portal.server.access.claims import ALGORITHM, SIGNATURE_PARAMETER, Claim, day_of, time_of
from s3portal.server.access.directory import User
from s3portal.server.api.myfsio.documents import document_of
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.dialects.myfsio import json_reply
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply

ACTIONS: Mapping[str, str] = {"GET": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
DEFAULT_EXPIRES_S, LONGEST_EXPIRES_S = 900, 604_800


def presign(call: Call) -> Reply:
    """Answers the URL. Raises InvalidArgument, AccessDenied, InvalidRequest for a caller without a key of its
    own."""
    user = _user(call)
    method, expires_s = _asked(document_of(call))
    call.bucket_row.require()
    call.require(ACTIONS[method], call.bucket, call.key)
    url = presigned_url(
        base_url=_base_url(call),
        path=f"/{call.bucket}/{call.key}",
        method=method,
        user=user,
        region=call.service.region or call.service.presigned_region or DEFAULT_REGION,
        signed_at=call.service.authenticator.now(),
        expires_s=expires_s,
    )
    return json_reply({"url": url, "method": method, "expires_in": expires_s})


def presigned_url(
    *,
    base_url: str,
    path: str,
    method: str,
    user: User,
    region: str,
    signed_at: datetime,
    expires_s: int,
) -> str:
    """Returns a URL signed by version 4. ``base_url`` has no path; ``path`` is not encoded yet."""
    signed_at = signed_at.astimezone(timezone.utc)
    claim = Claim(
        access_key_id=user.access_key_id,
        date=day_of(signed_at),
        region=region,
        service="s3",
        signed_headers=("host",),
        signature="",
        signed_at=signed_at,
        session_token=None,
        expires_s=expires_s,
    )
    query = (
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{user.access_key_id}/{claim.scope}"),
        ("X-Amz-Date", time_of(signed_at)),
        ("X-Amz-Expires", str(expires_s)),
        ("X-Amz-SignedHeaders", "host"),
    )
    raw_path = quote(path, safe="/-_.~")
    headers = {"host": urlsplit(base_url).netloc}
    form = sigv4.canonical_requests(claim, method, raw_path, query, headers, sigv4.UNSIGNED_PAYLOAD)[0]
    signature = sigv4.signature_of(user.secret_access_key, claim, form)
    pairs = (*query, (SIGNATURE_PARAMETER, signature))
    return f"{base_url}{raw_path}?" + "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in pairs)


def _user(call: Call) -> User:
    access_key_id = call.proof.caller.access_key_id
    user = call.service.authenticator.directory.user_with_key(access_key_id) if access_key_id else None
    if user is None:
        raise S3Error(
            "InvalidRequest",
            "Only users with a key of their own can have URLs signed here; sign them yourself.",
        )
    return user


def _asked(document: Mapping[str, object]) -> tuple[str, int]:
    method = document.get("method", "GET")
    if not isinstance(method, str) or method.upper() not in ACTIONS:
        facts = {"ArgumentName": "method", "ArgumentValue": str(method)[:100]}
        raise S3Error("InvalidArgument", f"method must be one of {', '.join(ACTIONS)}", facts=facts)
    expires_s = document.get("expires_in", DEFAULT_EXPIRES_S)
    is_number = isinstance(expires_s, int) and not isinstance(expires_s, bool)
    if not is_number or not 1 <= int(str(expires_s)) <= LONGEST_EXPIRES_S:
        facts = {"ArgumentName": "expires_in", "ArgumentValue": str(expires_s)[:100]}
        message = f"expires_in must be a whole number of seconds from 1 to {LONGEST_EXPIRES_S}"
        raise S3Error("InvalidArgument", message, facts=facts)
    return method.upper(), int(str(expires_s))


def _base_url(call: Call) -> str:
    """What the configuration says, or what the caller calls this server, through named proxies too."""
    return call.service.presigned_base_url or f"{call.request.scheme}://{call.header('host') or 'localhost'}"
