"""Authentication: turns a signed request into the caller who sent it, or refuses it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from s3portal.server.access import sigv4
from s3portal.server.access.aws_chunked import ChunkSigning
from s3portal.server.access.claims import Claim, claim_of_form, read_claim
from s3portal.server.access.identity import ACCOUNT_ID, Caller, Directory, caller_of_user
from s3portal.server.access.post_policy import read_post_policy
from s3portal.server.access.session_tokens import SessionSealer, is_session_key
from s3portal.server.authority.policy import read_policy
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.posted_form import PostedForm
from s3portal.server.wire.s3_request import S3Request

DEFAULT_REGION = "us-east-1"
MAX_SKEW = timedelta(minutes=15)
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_PAYLOAD_KINDS = {
    sigv4.UNSIGNED_PAYLOAD,
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED_TRAILER,
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Anonymous(S3Error):
    """A request does not say who sends it, so that it may do nothing."""

    def __init__(self) -> None:
        super().__init__("AccessDenied")


@dataclass(frozen=True)
class Proof:
    """What a right signature proves: who calls, and what it says of the body.

    ``payload_hash`` is a SHA-256 in hex or one of SigV4's words; ``chunk_signing`` is there when the body's
    chunks are signed too.
    """

    caller: Caller
    payload_hash: str
    presigned: bool
    chunk_signing: ChunkSigning | None


@dataclass(frozen=True)
class Authenticator:
    """Knows the users and how to open session tokens. ``region`` None accepts any region in a signature."""

    directory: Directory
    sealer: SessionSealer
    region: str | None
    now: Callable[[], datetime]

    def authenticate(self, request: S3Request, service: str = "s3", body: bytes | None = None) -> Proof:
        """Returns the proof of a request to a service.

        Other services than S3 sign the hash of the body without sending it, so their whole ``body`` is given.
        Raises Anonymous for a request without any signature, and S3's error for every other defect.
        """
        claim = read_claim(dict(reversed(request.query)), request.headers)
        if claim is None:
            raise Anonymous
        self._check_scope(claim, service)
        late = self._lateness(claim)
        try:
            caller = self._caller(claim)
            payload_hash = self._payload_hash(claim, request, body)
            self._check_signature(claim, caller, request, payload_hash)
        except S3Error as refused:
            # What the clock says comes first, as on AWS.
            raise late or refused from None
        late = late or self._session_end(caller)
        if late is not None:
            late.signed = True
            raise late
        unsigned = sigv4.unsigned_headers(claim, request.headers)
        if unsigned:
            message = "There were headers present in the request which were not signed"
            facts = {"HeadersNotSigned": ", ".join(unsigned)}
            raise S3Error("AccessDenied", message, facts=facts, signed=True)
        signing = None
        if payload_hash in (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER):
            signing = ChunkSigning(
                key=sigv4.key_of(caller.secret_access_key, claim),
                timestamp=f"{claim.signed_at:%Y%m%dT%H%M%SZ}",
                scope=claim.scope,
                seed_signature=claim.signature,
            )
        return Proof(caller, payload_hash, claim.presigned, signing)

    def authenticate_form(self, form: PostedForm, bucket: str) -> Proof:
        """Returns the proof of a posted form, whose policy then holds, but for the size of its file: what
        the policy says of that is left with the file, which is not here yet.

        Raises Anonymous for an unsigned form, AccessDenied for one that its policy does not allow, and S3's
        error for every other defect.
        """
        claim = claim_of_form(form.fields)
        if claim is None:
            raise Anonymous
        self._check_scope(claim, "s3")
        caller = self._caller(claim)
        if not sigv4.policy_matches(caller.secret_access_key, claim, form.fields["policy"]):
            facts = {"AWSAccessKeyId": claim.access_key_id, "SignatureProvided": claim.signature}
            raise S3Error("SignatureDoesNotMatch", facts=facts | {"StringToSign": form.fields["policy"]})
        try:
            if ended := self._session_end(caller):
                raise ended
            policy = read_post_policy(form.fields["policy"])
            policy.check(form.fields, bucket=bucket, filename=form.filename, now=self.now())
        except S3Error as refused:
            refused.signed = True
            raise
        form.file.size_range_bytes = policy.size_range_bytes
        return Proof(caller, sigv4.UNSIGNED_PAYLOAD, presigned=False, chunk_signing=None)

    def _check_signature(self, claim: Claim, caller: Caller, request: S3Request, payload_hash: str) -> None:
        forms = sigv4.canonical_requests(
            claim, request.method, request.raw_path, request.query, request.headers, payload_hash
        )
        if not sigv4.matches(caller.secret_access_key, claim, forms):
            facts = {"AWSAccessKeyId": claim.access_key_id, "SignatureProvided": claim.signature}
            raise S3Error("SignatureDoesNotMatch", facts=facts | {"CanonicalRequest": forms[0]})

    def _check_scope(self, claim: Claim, service: str) -> None:
        code = "AuthorizationQueryParametersError" if claim.presigned else "AuthorizationHeaderMalformed"
        if claim.service != service:
            raise S3Error(
                code, f'The credential is for the service "{claim.service}"; expecting "{service}".'
            )
        if service != "s3":
            # In STS's words. Where any region will do, so does the empty one that some clients sign for
            # services without regions.
            if self.region and claim.region != self.region:
                raise S3Error("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
        elif not claim.region or (self.region and claim.region != self.region):
            raise S3Error(
                code,
                f"The authorization is malformed; the region '{claim.region}' is wrong; "
                f"expecting '{self.region or DEFAULT_REGION}'",
                facts={"Region": self.region or DEFAULT_REGION},
            )

    def _lateness(self, claim: Claim) -> S3Error | None:
        """What the clock has against a claim."""
        now = self.now()
        server_time = {"ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        if claim.expires_s is not None:
            if claim.signed_at - now > MAX_SKEW:
                return S3Error("AccessDenied", "Request is not yet valid", facts=server_time)
            expires_at = claim.signed_at + timedelta(seconds=claim.expires_s)
            if now >= expires_at:
                facts = {
                    "X-Amz-Expires": str(claim.expires_s),
                    "Expires": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
                }
                return S3Error("AccessDenied", "Request has expired", facts=facts | server_time)
        elif abs(now - claim.signed_at) > MAX_SKEW:
            facts = {
                "RequestTime": f"{claim.signed_at:%Y%m%dT%H%M%SZ}",
                "MaxAllowedSkewMilliseconds": str(int(MAX_SKEW.total_seconds() * 1000)),
            }
            return S3Error("RequestTimeTooSkewed", facts=facts | server_time)
        return None

    def _session_end(self, caller: Caller) -> S3Error | None:
        """Whether the session of a caller is over."""
        if caller.session_ends_at is None or self.now() < caller.session_ends_at:
            return None
        return S3Error("ExpiredToken")

    def _caller(self, claim: Claim) -> Caller:
        """Who a claim says it is by; of a session, also where it is over."""
        if claim.session_token is None:
            user = self.directory.user_with_key(claim.access_key_id)
            if user is None or is_session_key(claim.access_key_id):
                raise S3Error("InvalidAccessKeyId", facts={"AWSAccessKeyId": claim.access_key_id})
            return caller_of_user(user)
        session = self.sealer.open(claim.session_token, claim.access_key_id)
        role = self.directory.role_named(session.role)
        if role is None:
            raise S3Error("InvalidToken")
        session_policies = (read_policy(session.policy),) if session.policy else ()
        return Caller(
            name=f"{role.name}/{session.name}",
            arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role.name}/{session.name}",
            user_id=f"{session.role_id}:{session.name}",
            secret_access_key=self.sealer.secret_access_key(session.access_key_id),
            policies=(role.policy, *session_policies),
            role=role,
            session_ends_at=datetime.fromtimestamp(session.expires_at, timezone.utc),
        )

    def _payload_hash(self, claim: Claim, request: S3Request, body: bytes | None) -> str:
        if body is not None:
            return hashlib.sha256(body).hexdigest()
        given = request.header("x-amz-content-sha256")
        if claim.presigned and "x-amz-content-sha256" not in claim.signed_headers:
            return request.parameter("X-Amz-Content-Sha256") or sigv4.UNSIGNED_PAYLOAD
        if given is None:
            raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        if given not in _PAYLOAD_KINDS and not _SHA256.fullmatch(given):
            raise S3Error(
                "InvalidArgument",
                f"x-amz-content-sha256 must be {', '.join(sorted(_PAYLOAD_KINDS))}, or a valid sha256 value.",
                facts={"ArgumentName": "x-amz-content-sha256"},
            )
        return given
