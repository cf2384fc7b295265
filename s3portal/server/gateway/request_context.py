"""The values of a request's condition keys, each found out when a policy asks for it.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property

from s3portal.server.access.authenticator import Proof
from s3portal.server.authority.callers import SessionKind
from s3portal.server.authority.condition_keys import (
    ACTIONS_OF_KEYS,
    COPY_SOURCE,
    DELIMITER,
    EXISTING_TAG,
    IF_MATCH,
    IF_NONE_MATCH,
    MAX_KEYS,
    METADATA_DIRECTIVE,
    OBJECT_CREATION_OPERATION,
    PREFIX,
    PRINCIPAL_TAG,
    REQUEST_TAG,
    REQUEST_TAG_KEYS,
    VERSION_ID,
    actions_with_key,
)
from s3portal.server.authority.facts import ObjectFacts
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.gateway.request_tags import tags_of_request
from s3portal.server.wire.s3_request import S3Request

_DAY_S = 24 * 3600
#: Headers that say of the object to come what condition keys are about; CreateMultipartUpload has them, and
#: not the requests that continue the upload.
DESCRIBING = frozenset(
    {
        "x-amz-acl",
        *(f"x-amz-grant-{given}" for given in ("full-control", "read", "read-acp", "write", "write-acp")),
        "x-amz-object-lock-legal-hold",
        "x-amz-object-lock-mode",
        "x-amz-object-lock-retain-until-date",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-storage-class",
        "x-amz-tagging",
        "x-amz-website-redirect-location",
    }
)


@dataclass(frozen=True)
class Circumstances:
    """A request, who has sent it, and when.

    ``creates_object``, ``conditional`` and ``copies`` are those of its operation. ``tags_in_body`` reads
    the tags that it brings, where they are not in a header. ``owner`` tells the account of the bucket.
    ``values`` are those of condition keys that follow from what is asked for, by keys in lower case.
    ``as_begun`` returns the request as the upload describes the object that the request continues; None for
    one that continues none.
    """

    request: S3Request
    proof: Proof
    now: Callable[[], datetime]
    owner: Callable[[], str | None]
    creates_object: bool | None = None
    conditional: Collection[str] = ()
    copies: bool = False
    tags_in_body: Callable[[], Mapping[str, str]] | None = None
    as_begun: Callable[[], S3Request] | None = None
    values: Mapping[str, Values] = field(default_factory=dict)

    @cached_property
    def describing(self) -> S3Request:
        """The request for what it says of the object that it makes."""
        return self.request if self.as_begun is None else self.as_begun()

    def tags(self) -> Mapping[str, str]:
        return tags_of_request(self.describing) if self.tags_in_body is None else self.tags_in_body()


@dataclass(frozen=True)
class RequestContext:
    """The context of one action of a request. ``version_id`` and ``find_object`` are of what it is done
    to."""

    given: Circumstances
    action: str
    version_id: str | None
    find_object: Callable[[], ObjectFacts | None]

    def get(self, key: str, /) -> Values | None:
        """Returns the values of a condition key; None where this action's request has none."""
        if key in self.given.values:
            return self.given.values[key]
        if (session_keys := self.given.proof.caller.session_keys) and key in session_keys:
            return session_keys[key]
        actions = actions_with_key(key)
        if actions is not None and self.action not in actions:
            return None
        prefix, slash, tag = key.partition("/")
        if slash:
            return _tagged(self._tags(prefix + slash), tag)
        if key == VERSION_ID:
            return self.version_id or None
        if key in _OF_CALLERS:
            return _OF_CALLERS[key](self.given)
        return _of_request(key, self.given)

    def _tags(self, prefix: str) -> Mapping[str, str]:
        if prefix == PRINCIPAL_TAG:
            return self.given.proof.caller.tags
        if prefix == REQUEST_TAG:
            return self.given.tags()
        found = self.find_object() if prefix == EXISTING_TAG else None
        return found.tags if found else {}


def _tagged(tags: Mapping[str, str], tag: str) -> Values | None:
    """Names of tags in condition keys are compared without case."""
    return [value for name, value in tags.items() if name.lower() == tag] or None


def _of_request(key: str, given: Circumstances) -> Values | None:
    request = given.request
    if key in _PARAMETERS:
        return request.parameter(_PARAMETERS[key])
    if key in (IF_MATCH, IF_NONE_MATCH):
        name = key.removeprefix("s3:")
        return (request.header(name) or None) if name in given.conditional else None
    if key == OBJECT_CREATION_OPERATION:
        return None if given.creates_object is None else str(given.creates_object).lower()
    if key == REQUEST_TAG_KEYS:
        return list(given.tags()) or None
    if key in (COPY_SOURCE, METADATA_DIRECTIVE) and not given.copies:
        # A form's field, say, of which nothing is copied.
        return None
    if key == COPY_SOURCE:
        return request.copied_from
    if key == "s3:object-lock-remaining-retention-days":
        return _remaining_days(given)
    if key not in _HEADERS:
        return None
    name = _HEADERS[key]
    return (given.describing if name in DESCRIBING else request).header(name) or None


_PARAMETERS = {PREFIX: "prefix", DELIMITER: "delimiter", MAX_KEYS: "max-keys"}
_HEADERS = {
    "aws:referer": "referer",
    "aws:useragent": "user-agent",
    "s3:object-lock-mode": "x-amz-object-lock-mode",
    "s3:object-lock-retain-until-date": "x-amz-object-lock-retain-until-date",
    "s3:object-lock-legal-hold": "x-amz-object-lock-legal-hold",
    **{key: key.removeprefix("s3:") for key in ACTIONS_OF_KEYS if key.startswith("s3:x-amz-")},
}


def _remaining_days(given: Circumstances) -> str | None:
    try:
        text = given.describing.header("x-amz-object-lock-retain-until-date") or ""
        until = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return str(int((until - given.now()).total_seconds() // _DAY_S))


def _time_of(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _principal_arn(given: Circumstances) -> str | None:
    """Of a session of a role, the role's; its own is in the Principal of a policy."""
    caller = given.proof.caller
    if caller.account_id is None:
        return None
    return caller.arn if caller.role is None else caller.identity_arn


def _principal_type(given: Circumstances) -> str:
    caller = given.proof.caller
    if caller.session is SessionKind.FEDERATED:
        return "FederatedUser"
    return "Anonymous" if caller.is_anonymous else "User" if caller.role is None else "AssumedRole"


def _user_name(given: Circumstances) -> str | None:
    caller = given.proof.caller
    is_user = caller.role is None and caller.session is not SessionKind.FEDERATED
    return caller.name if is_user and not caller.is_anonymous else None


def _issue_time(given: Circumstances) -> str | None:
    began_at = given.proof.caller.session_began_at
    return None if began_at is None else _time_of(datetime.fromtimestamp(began_at, timezone.utc))


def _signature_age_ms(given: Circumstances) -> str | None:
    signed_at = given.proof.signed_at
    return None if signed_at is None else str(int((given.now() - signed_at).total_seconds() * 1000))


def _content_sha256(given: Circumstances) -> str | None:
    proof = given.proof
    return given.request.header("x-amz-content-sha256") or (
        None if proof.caller.is_anonymous else proof.payload_hash
    )


_OF_CALLERS: Mapping[str, Callable[[Circumstances], Values | None]] = {
    "aws:currenttime": lambda given: _time_of(given.now()),
    "aws:epochtime": lambda given: str(int(given.now().timestamp())),
    "aws:principalaccount": lambda given: given.proof.caller.account_id,
    "aws:principalarn": _principal_arn,
    "aws:principalisawsservice": lambda given: "false",
    "aws:principaltype": _principal_type,
    "aws:resourceaccount": lambda given: given.owner(),
    "aws:securetransport": lambda given: str(given.request.scheme == "https").lower(),
    "aws:sourceip": lambda given: given.request.remote_addr or None,
    "aws:tokenissuetime": _issue_time,
    "aws:userid": lambda given: given.proof.caller.user_id,
    "aws:username": _user_name,
    "aws:viaawsservice": lambda given: "false",
    "s3:authtype": lambda given: given.proof.auth_type,
    "s3:resourceaccount": lambda given: given.owner(),
    "s3:signatureage": _signature_age_ms,
    "s3:signatureversion": lambda given: given.proof.signature_version,
    "s3:tlsversion": lambda given: given.request.tls_version,
    "s3:x-amz-content-sha256": _content_sha256,
}
