"""Authentication: turns a signed request into the caller who sent it, or refuses it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from s3portal.server.access import sigv2, sigv4
from s3portal.server.access.aws_chunked import ChunkSigning
from s3portal.server.access.claims import (
    ALGORITHM,
    Claim,
    claim_of_form,
    read_claim,
    sigv2_refused,
    time_of,
)
from s3portal.server.access.credentials import Credentials, credentials_of
from s3portal.server.access.directory import Directory, User
from s3portal.server.access.headers_in_query import signed_values
from s3portal.server.access.mismatch import SignatureMismatch, Signed, find_mistake
from s3portal.server.access.plain_keys import PlainKeys
from s3portal.server.access.post_policy import read_post_policy
from s3portal.server.access.session_tokens import SessionSealer, is_session_key
from s3portal.server.access.sigv2 import OldClaim, read_old_claim, read_old_form
from s3portal.server.authority.callers import ANONYMOUS, Caller
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
# Where the signature is, as s3:authType has it.
IN_HEADER, IN_QUERY, IN_FORM = "REST-HEADER", "REST-QUERY-STRING", "POST"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Proof:
    """What a request proves: who calls, and what its signature says of the body. A request without any
    signature proves that nobody known calls.

    ``payload_hash`` is a SHA-256 in hex or one of SigV4's words; ``chunk_signing`` is there when the body's
    chunks are signed too. ``auth_type`` and ``signature_version`` are in S3's words, None without a
    signature.
    """

    caller: Caller
    payload_hash: str
    presigned: bool
    chunk_signing: ChunkSigning | None
    auth_type: str | None = None
    signature_version: str | None = None
    signed_at: datetime | None = None


@dataclass(frozen=True)
class Authenticator:
    """Knows the users and how to open session tokens. ``region`` None accepts any region in a signature;
    ``allow_sigv2`` accepts signatures of version 2 by users; ``plain_keys`` accepts their keys in headers."""

    directory: Directory
    sealer: SessionSealer
    region: str | None
    now: Callable[[], datetime]
    allow_sigv2: bool = False
    plain_keys: PlainKeys | None = None

    def authenticate(self, request: S3Request, service: str = "s3", body: bytes | None = None) -> Proof:
        """Returns the proof of a request to a service.

        Other services than S3 sign the hash of the body without sending it, so their whole ``body`` is given.
        Raises MissingAuthenticationToken for a request to another service without a signature, and S3's error
        for every defect of one.
        """
        if self.allow_sigv2 and service == "s3" and (old := read_old_claim(request)):
            return self._proof_of_old(old, request)
        claim = read_claim(dict(reversed(request.query)), request.headers)
        if claim is None:
            if service != "s3":
                raise S3Error("MissingAuthenticationToken")
            user = self.plain_keys.user(request, self.directory) if self.plain_keys else None
            if user is not None:
                payload_hash = request.header("x-amz-content-sha256") or sigv4.UNSIGNED_PAYLOAD
                return Proof(user.caller, payload_hash, presigned=False, chunk_signing=None)
            return _anonymous(request.header("x-amz-content-sha256") or sigv4.UNSIGNED_PAYLOAD)
        self._check_scope(claim, service)
        late = self._lateness(claim)
        try:
            credentials = credentials_of(claim, self.directory, self.sealer)
            payload_hash = self._payload_hash(claim, request, body)
            self._check_signature(claim, credentials.secret_access_key, request, payload_hash)
        except S3Error as refused:
            # What the clock says comes first, as on AWS.
            raise late or refused from None
        late = late or self._session_end(credentials)
        if late is not None:
            late.signed = True
            raise late
        unsigned = sigv4.unsigned_headers(claim, request.headers)
        if unsigned:
            message = "There were headers present in the request which were not signed"
            facts = {"HeadersNotSigned": ", ".join(unsigned)}
            raise S3Error("AccessDenied", message, facts=facts, signed=True)
        if credentials.session_ends_at is None:
            self.directory.note_use(claim.access_key_id, service, claim.region)
        signing = None
        if payload_hash in (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER):
            signing = ChunkSigning(
                key=sigv4.key_of(credentials.secret_access_key, claim),
                timestamp=time_of(claim.signed_at),
                scope=claim.scope,
                seed_signature=claim.signature,
            )
        auth_type = IN_QUERY if claim.presigned else IN_HEADER
        return Proof(
            credentials.caller, payload_hash, claim.presigned, signing, auth_type, ALGORITHM, claim.signed_at
        )

    def nobody(self) -> Proof:
        """Returns the proof of a request that shows no signature where none is needed."""
        return _anonymous(sigv4.UNSIGNED_PAYLOAD)

    def _proof_of_old(self, claim: OldClaim, request: S3Request) -> Proof:
        """Returns the proof of a request of version 2."""
        token = request.header("x-amz-security-token") or request.parameter("x-amz-security-token")
        user = self._user_of_old(claim, token, sigv2.strings_to_sign(claim, request))
        if late := self._lateness_of_old(claim):
            late.signed = True
            raise late
        if unsigned := sigv2.unsigned_parameters(request):
            message = "A signature of version 2 does not cover all parameters of the request"
            facts = {"ParametersNotSigned": ", ".join(unsigned)}
            raise S3Error("AccessDenied", message, facts=facts, signed=True)
        self.directory.note_use(claim.access_key_id, "s3", "N/A")
        return Proof(
            user.caller,
            sigv4.UNSIGNED_PAYLOAD,
            claim.presigned,
            None,
            IN_QUERY if claim.presigned else IN_HEADER,
            sigv2.VERSION,
            claim.signed_at,
        )

    def _user_of_old(self, claim: OldClaim, token: str | None, texts: Sequence[str]) -> User:
        """Returns the user who signed one of the texts. Never a session: its token would be in them."""
        if token or is_session_key(claim.access_key_id):
            raise sigv2_refused()
        user = self.directory.user_with_key(claim.access_key_id)
        if user is None:
            raise S3Error("InvalidAccessKeyId", facts={"AWSAccessKeyId": claim.access_key_id})
        if not sigv2.matches(user.secret_access_key, claim, texts):
            facts = {"AWSAccessKeyId": claim.access_key_id, "SignatureProvided": claim.signature}
            raise S3Error("SignatureDoesNotMatch", facts=facts | {"StringToSign": texts[0]})
        return user

    def _lateness_of_old(self, claim: OldClaim) -> S3Error | None:
        now = self.now()
        if claim.signed_at is not None:
            return self._skew(claim.signed_at)
        if claim.expires_at is None or now.timestamp() < claim.expires_at:
            return None
        facts = {"Expires": str(claim.expires_at), "ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        return S3Error("AccessDenied", "Request has expired", facts=facts)

    def authenticate_form(self, form: PostedForm, bucket: str) -> Proof:
        """Returns the proof of a posted form, whose policy then holds, but for the size of its file: what
        the policy says of that is left with the file, which is not here yet.

        Nobody known has sent an unsigned one. Raises AccessDenied for a form that its policy does not allow,
        and S3's error for every other defect.
        """
        if self.allow_sigv2 and (old := read_old_form(form.fields)):
            text = form.fields["policy"].encode().decode("latin-1")
            user = self._user_of_old(old, form.fields.get("x-amz-security-token"), [text])
            self._check_form(form, bucket)
            caller = user.caller
            return Proof(caller, sigv4.UNSIGNED_PAYLOAD, False, None, IN_FORM, sigv2.VERSION)
        claim = claim_of_form(form.fields)
        if claim is None:
            return _anonymous(sigv4.UNSIGNED_PAYLOAD)
        self._check_scope(claim, "s3")
        credentials = credentials_of(claim, self.directory, self.sealer)
        if not sigv4.policy_matches(credentials.secret_access_key, claim, form.fields["policy"]):
            facts = {"AWSAccessKeyId": claim.access_key_id, "SignatureProvided": claim.signature}
            raise S3Error("SignatureDoesNotMatch", facts=facts | {"StringToSign": form.fields["policy"]})
        if ended := self._session_end(credentials):
            ended.signed = True
            raise ended
        self._check_form(form, bucket)
        if credentials.session_ends_at is None:
            self.directory.note_use(claim.access_key_id, "s3", claim.region)
        return Proof(
            credentials.caller, sigv4.UNSIGNED_PAYLOAD, False, None, IN_FORM, ALGORITHM, claim.signed_at
        )

    def _check_form(self, form: PostedForm, bucket: str) -> None:
        """Raises what the policy of a signed form has against it, and leaves the size with the file."""
        try:
            policy = read_post_policy(form.fields["policy"])
            policy.check(form.fields, bucket=bucket, filename=form.filename, now=self.now())
        except S3Error as refused:
            refused.signed = True
            raise
        form.file.size_range_bytes = policy.size_range_bytes

    def _check_signature(
        self, claim: Claim, secret_access_key: str, request: S3Request, payload_hash: str
    ) -> None:
        headers = request.headers
        if claim.presigned:
            headers = signed_values(claim.signed_headers, request.query, headers)
        signed = Signed(request.method, request.raw_path, request.query, headers, payload_hash)
        forms = signed.canonical_requests(claim)
        if not sigv4.matches(secret_access_key, claim, forms):
            facts = {"AWSAccessKeyId": claim.access_key_id, "SignatureProvided": claim.signature}
            raise SignatureMismatch(facts, forms[0], find_mistake(secret_access_key, claim, signed))

    def _check_scope(self, claim: Claim, service: str) -> None:
        code = "AuthorizationQueryParametersError" if claim.presigned else "AuthorizationHeaderMalformed"
        if claim.service != service:
            raise S3Error(
                code, f'The credential is for the service "{claim.service}"; expecting "{service}".'
            )
        if service != "s3":
            # In STS's words. Where any region will do, so does the empty one that some clients sign for
            # services without regions.
            # IAM has no regions: clients sign for one that is the same everywhere.
            known = (self.region, DEFAULT_REGION) if service == "iam" else (self.region,)
            if self.region and claim.region not in known:
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
        if claim.expires_s is None:
            return self._skew(claim.signed_at)
        now = self.now()
        expires_at = claim.signed_at + timedelta(seconds=claim.expires_s)
        is_early = claim.signed_at - now > MAX_SKEW
        if not is_early and now < expires_at:
            return None
        server_time = {"ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        if is_early:
            return S3Error("AccessDenied", "Request is not yet valid", facts=server_time)
        facts = {"X-Amz-Expires": str(claim.expires_s), "Expires": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"}
        return S3Error("AccessDenied", "Request has expired", facts=facts | server_time)

    def _skew(self, signed_at: datetime) -> S3Error | None:
        now = self.now()
        if abs(now - signed_at) <= MAX_SKEW:
            return None
        facts = {
            "RequestTime": f"{signed_at:%Y%m%dT%H%M%SZ}",
            "MaxAllowedSkewMilliseconds": str(int(MAX_SKEW.total_seconds() * 1000)),
            "ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
        return S3Error("RequestTimeTooSkewed", facts=facts)

    def _session_end(self, credentials: Credentials) -> S3Error | None:
        """Whether the session that a caller has them from is over."""
        if credentials.session_ends_at is None or self.now() < credentials.session_ends_at:
            return None
        return S3Error("ExpiredToken")

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


def _anonymous(payload_hash: str) -> Proof:
    return Proof(ANONYMOUS, payload_hash, presigned=False, chunk_signing=None)
