"""What a signed request claims about itself: in its headers, in its query, or in the fields of a form.

Pure, and nothing of it is proven yet. Sources:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache

from s3portal.server.http.values import list_of, parse_date
from s3portal.server.wire.errors import S3Error

ALGORITHM = "AWS4-HMAC-SHA256"
# Without a place in the canonical query: it is what the rest is compared with.
SIGNATURE_PARAMETER = "X-Amz-Signature"
# Years to 8999: a week more is still a date.
_TIME = re.compile(r"([1-8][0-9]{3})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_TIMESTAMP_LIMIT_S = 221_845_000_000
EXPIRES_LIMIT_S = 7 * 24 * 3600
_CREDENTIAL = re.compile(r"([^/]+(?:/[^/]+)*)/([0-9]{8})/([^/]*)/([^/]+)/aws4_request")
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256[ \t]+(.*)", re.DOTALL)
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Claim:
    """What a signed request says about itself. Nothing of it is proven yet.

    ``expires_s`` is the life of a presigned URL in seconds, None when the signature is in the headers.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: datetime
    session_token: str | None
    expires_s: int | None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"

    @property
    def presigned(self) -> bool:
        return self.expires_s is not None


def read_claim(query: Mapping[str, str], headers: Mapping[str, str]) -> Claim | None:
    """Returns the claim of a request, or None when it carries no authorisation at all (anonymous).

    Raises InvalidArgument for two mechanisms at once and for unknown ones, InvalidRequest for SigV2,
    Authorization{Header,QueryParameters}Malformed/Error for what cannot be read.
    """
    # An empty header claims nothing.
    authorization = headers.get("authorization") or None
    in_query = "X-Amz-Algorithm" in query or SIGNATURE_PARAMETER in query
    if "AWSAccessKeyId" in query and "Signature" in query:
        raise sigv2_refused()
    if in_query and authorization is not None:
        raise S3Error(
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
            "string parameter or the Authorization header should be specified",
            facts={"ArgumentName": "Authorization"},
        )
    if in_query:
        return _claim_of_query(query)
    return None if authorization is None else _claim_of_header(authorization, headers)


def service_of(query_credential: str | None, authorization: str | None) -> str | None:
    """Returns the service that a request says it is signed for: the scope of its credential, in the query or
    in the Authorization header; None where there is no such thing.

    It says where a request wants to go before anything is known of it, and is proven with the signature.
    """
    text = query_credential
    if authorization is not None:
        match = _AUTHORIZATION.fullmatch(authorization)
        pairs = (part.partition("=") for part in list_of(match[1] if match else None))
        text = next((value for name, _, value in pairs if name == "Credential"), None)
    credential = _CREDENTIAL.fullmatch(text or "")
    return credential[4] if credential else None


def sigv2_refused() -> S3Error:
    """The refusal of a signature of version 2, with the setting that makes another one."""
    return S3Error(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256: set "
        "signature_version to s3v4 (boto3: Config(signature_version='s3v4'); aws-cli: aws configure set "
        "default.s3.signature_version s3v4; s3cmd: signature_v2 = False). See docs/server.md.",
    )


def _claim_of_header(authorization: str, headers: Mapping[str, str]) -> Claim:
    if authorization.startswith("AWS "):
        raise sigv2_refused()
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        # Not repeated in the answer: it may be another service's token that followed a redirect.
        raise S3Error(
            "InvalidArgument", "Unsupported Authorization Type", facts={"ArgumentName": "Authorization"}
        )
    pairs = (part.partition("=") for part in list_of(match[1]))
    fields = {name: value for name, _, value in pairs}
    credential = _CREDENTIAL.fullmatch(fields.get("Credential", ""))
    signature = fields.get("Signature", "")
    signed_headers = tuple(fields.get("SignedHeaders", "").split(";"))
    if credential is None or not _SIGNATURE.fullmatch(signature) or "" in signed_headers:
        raise S3Error("AuthorizationHeaderMalformed")
    return Claim(
        access_key_id=credential[1],
        date=credential[2],
        region=credential[3],
        service=credential[4],
        signed_headers=signed_headers,
        signature=signature,
        signed_at=_time_of_headers(headers, credential[2]),
        session_token=headers.get("x-amz-security-token") or None,
        expires_s=None,
    )


def _time_of_headers(headers: Mapping[str, str], date: str) -> datetime:
    # Date is as good, where x-amz-date is not given: sigv4 signs the time that one of them names.
    signed_at = _parse_header_time(headers.get("x-amz-date") or headers.get("date", ""))
    if signed_at is None:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if day_of(signed_at) != date:
        raise S3Error(
            "AuthorizationHeaderMalformed", "The date of the credential is not that of the request."
        )
    return signed_at


def _claim_of_query(query: Mapping[str, str]) -> Claim:
    def refuse(message: str) -> S3Error:
        return S3Error("AuthorizationQueryParametersError", message)

    names = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
    if any(f"X-Amz-{name}" not in query for name in names):
        raise refuse(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise refuse('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    credential = _CREDENTIAL.fullmatch(query["X-Amz-Credential"])
    if credential is None:
        raise refuse("Error parsing the X-Amz-Credential parameter; the Credential is mal-formed")
    signed_at = _parse_time(query["X-Amz-Date"])
    if signed_at is None or day_of(signed_at) != credential[2]:
        raise refuse("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if not re.fullmatch(r"[0-9]{1,10}", query["X-Amz-Expires"]):
        raise refuse("X-Amz-Expires should be a number")
    expires_s = int(query["X-Amz-Expires"])
    if not 0 < expires_s <= EXPIRES_LIMIT_S:
        raise refuse(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            f"less than {EXPIRES_LIMIT_S} seconds"
        )
    signed_headers = tuple(query["X-Amz-SignedHeaders"].split(";"))
    if "" in signed_headers or not _SIGNATURE.fullmatch(query[SIGNATURE_PARAMETER]):
        raise refuse("X-Amz-SignedHeaders or X-Amz-Signature is malformed")
    return Claim(
        access_key_id=credential[1],
        date=credential[2],
        region=credential[3],
        service=credential[4],
        signed_headers=signed_headers,
        signature=query[SIGNATURE_PARAMETER],
        signed_at=signed_at,
        session_token=query.get("X-Amz-Security-Token") or None,
        expires_s=expires_s,
    )


def claim_of_form(fields: Mapping[str, str]) -> Claim | None:
    """Returns the claim that a posted form makes about its policy, None for a form without a signed policy;
    ``fields`` have names in lower case.

    Raises InvalidRequest for SigV2, InvalidArgument for what cannot be read.
    """
    if "awsaccesskeyid" in fields:
        raise sigv2_refused()
    needed = ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
    missing = [name for name in needed if name not in fields]
    if len(missing) == len(needed):
        return None
    if missing:
        message = f"Bucket POST must contain a field named '{missing[0]}'."
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": missing[0]})
    credential = _CREDENTIAL.fullmatch(fields["x-amz-credential"])
    signed_at = _parse_time(fields["x-amz-date"])
    well_formed = {
        "x-amz-algorithm": fields["x-amz-algorithm"] == ALGORITHM,
        "x-amz-credential": credential is not None,
        "x-amz-date": signed_at is not None and credential and day_of(signed_at) == credential[2],
        "x-amz-signature": _SIGNATURE.fullmatch(fields["x-amz-signature"]) is not None,
    }
    for name, right in well_formed.items():
        if not right:
            raise S3Error("InvalidArgument", f"{name} is malformed", facts={"ArgumentName": name})
    assert credential is not None and signed_at is not None
    return Claim(
        access_key_id=credential[1],
        date=credential[2],
        region=credential[3],
        service=credential[4],
        signed_headers=(),
        signature=fields["x-amz-signature"],
        signed_at=signed_at,
        session_token=fields.get("x-amz-security-token") or None,
        expires_s=None,
    )


def _parse_header_time(text: str) -> datetime | None:
    signed_at = _parse_time(text)
    moment_s = None if signed_at else parse_date(text)
    if moment_s is None or not 0 <= moment_s < _TIMESTAMP_LIMIT_S:
        return signed_at
    return datetime.fromtimestamp(moment_s, timezone.utc)


@lru_cache(maxsize=256)
def _parse_time(text: str) -> datetime | None:
    """A time like 20261231T235959Z, of the years in which its date has four digits and can be counted on."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None


def day_of(moment: datetime) -> str:
    """Returns the date of a moment as scopes have it: 20261231. strftime takes four times as long."""
    return f"{moment.year:04d}{moment.month:02d}{moment.day:02d}"


def time_of(moment: datetime) -> str:
    """Returns a moment as signatures have it: 20261231T235959Z."""
    return f"{day_of(moment)}T{moment.hour:02d}{moment.minute:02d}{moment.second:02d}Z"
