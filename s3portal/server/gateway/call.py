"""One call, as its operation sees it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from xml.etree.ElementTree import Element

from s3portal.server.access.authenticator import Proof
from s3portal.server.access.payload import Payload, open_payload
from s3portal.server.authority.acl_grants import FindObject
from s3portal.server.authority.arns import bucket_arn, object_arn
from s3portal.server.authority.decision import Decision, decide, no_object, nobodys
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.authority.facts import BucketFacts
from s3portal.server.gateway.bucket_row import BucketRow
from s3portal.server.gateway.judged_objects import JudgedObjects
from s3portal.server.gateway.request_context import Circumstances, RequestContext
from s3portal.server.gateway.service import Service
from s3portal.server.http.values import whole_number
from s3portal.server.storage.records import Versioning
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.s3_request import S3Request
from s3portal.server.wire.xml_documents import parse_document

# CompleteMultipartUpload with 10,000 parts and a SHA-256 each is 2 MB; DeleteObjects may be as long.
DOCUMENT_LIMIT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Target:
    """What something is done to: an object, or a version of it; without a key, the bucket; without a bucket,
    the service, or what ``other`` names by its ARN."""

    bucket: str | None
    key: str | None = None
    version_id: str | None = None
    other: str = "*"

    @property
    def resource(self) -> str:
        """The ARN that policies speak of."""
        if self.bucket is None:
            return self.other
        return bucket_arn(self.bucket) if self.key is None else object_arn(self.bucket, self.key)


@dataclass(frozen=True)
class Touched:
    """One of the objects that a request names in its body, and why nothing was done to it, or None."""

    key: str
    version_id: str | None
    refused: S3Error | None


@dataclass(frozen=True)
class Call:
    """One authenticated and authorised request. ``touched`` is for the audit log: what a request for several
    objects did to each."""

    service: Service
    request: S3Request
    proof: Proof
    body: io.RawIOBase
    request_id: str
    bucket_row: BucketRow
    touched: list[Touched] = field(default_factory=list)

    @property
    def storage(self) -> Storage:
        return self.service.storage

    @property
    def bucket(self) -> str:
        assert self.request.bucket is not None
        return self.request.bucket

    @property
    def key(self) -> str:
        assert self.request.key is not None
        return self.request.key

    @property
    def account_id(self) -> str:
        """The caller's account. Raises AccessDenied for the anonymous one, who has none."""
        account_id = self.proof.caller.account_id
        if account_id is None:
            raise S3Error("AccessDenied")
        return account_id

    def parameter(self, name: str) -> str | None:
        return self.request.parameter(name)

    def header(self, name: str) -> str | None:
        return self.request.header(name)

    def may(
        self,
        action: str,
        bucket: str,
        key: str | None = None,
        *,
        version_id: str | None = None,
    ) -> bool:
        """Whether the caller may do this too: for operations that touch more than the request names."""
        return self._decide_on(action, Target(bucket, key, version_id)).allowed

    def require(
        self,
        action: str,
        bucket: str,
        key: str | None = None,
        *,
        version_id: str | None = None,
    ) -> None:
        """Raises AccessDenied unless the caller may do this too."""
        decision = self._decide_on(action, Target(bucket, key, version_id))
        if not decision.allowed:
            raise AccessDenied(decision)

    @property
    def target(self) -> Target:
        """What the request names."""
        request = self.request
        return Target(request.bucket, request.key, request.parameter("versionId"))

    def circumstances(self, bucket: str | None) -> Circumstances:
        """What policies may be told of the request, whatever it does to a bucket."""
        return Circumstances(
            self.request, self.proof, self.service.authenticator.now, lambda: self.owner_if_any(bucket)
        )

    def decide(
        self,
        action: str,
        target: Target,
        bucket: BucketFacts | None,
        circumstances: Circumstances,
        *,
        is_writer: Callable[[], bool] = nobodys,
    ) -> Decision:
        """Returns the one decision on an action of the caller."""
        find_object: FindObject = no_object
        if target.bucket is not None and target.key is not None:
            find_object = partial(self.judged.facts, target.bucket, target.key, target.version_id)
        context = RequestContext(circumstances, action, target.version_id, find_object)
        return decide(
            self.proof.caller,
            action,
            target.resource,
            context,
            bucket,
            find_object,
            is_writer=is_writer,
        )

    def _decide_on(self, action: str, target: Target) -> Decision:
        assert target.bucket is not None
        circumstances = self.circumstances(target.bucket)
        return self.decide(action, target, self._row_of(target.bucket).facts(), circumstances)

    def owner_if_any(self, bucket: str | None) -> str | None:
        return None if bucket is None else self.owner_of(bucket)

    def owner_of(self, bucket: str) -> str | None:
        """Returns the account that owns a bucket; None where there is no such bucket."""
        facts = self._row_of(bucket).facts()
        return facts.owner if facts else None

    def versioning_of(self, bucket: str) -> Versioning:
        """Whether a bucket keeps versions."""
        found = self._row_of(bucket).find()
        return Versioning.NEVER if found is None else found.versioning

    def _row_of(self, bucket: str) -> BucketRow:
        return self.bucket_row if bucket == self.request.bucket else BucketRow(self.storage, bucket)

    def document(self, root_name: str, *, checksum_headers: bool = True) -> Element:
        """Returns the XML document in the body; raises MalformedXML, MaxMessageLengthExceeded, BadDigest.

        It is read once, also where a policy had to know what is in it."""
        return parse_document(self.document_text(checksum_headers=checksum_headers), root_name)

    def document_text(self, *, checksum_headers: bool = True) -> bytes:
        """Returns the body as it came, read once; raises MaxMessageLengthExceeded, BadDigest."""
        if not self._bodies:
            self._bodies.append(self._payload_for_document(checksum_headers).read_all())
        return self._bodies[0]

    @cached_property
    def _bodies(self) -> list[bytes]:
        return []

    @cached_property
    def judged(self) -> JudgedObjects:
        """The objects that its decisions have looked at."""
        return JudgedObjects(self.storage)

    def _payload_for_document(self, checksum_headers: bool) -> Payload:
        try:
            return open_payload(
                self.request,
                self.body,
                self.proof,
                limit_bytes=DOCUMENT_LIMIT_BYTES,
                checksum_headers=checksum_headers,
            )
        except S3Error as refused:
            if refused.code == "EntityTooLarge":
                raise S3Error("MaxMessageLengthExceeded", facts=refused.facts) from refused
            raise

    def number(self, name: str, *, default: int, limit: int, least: int = 0) -> int:
        """Returns a whole number from the query, no larger than ``limit``; raises InvalidArgument."""
        text = self.parameter(name)
        if not text:
            return default
        number = whole_number(text)
        if number is None or number >= 2**31 or number < least:
            facts = {"ArgumentName": name, "ArgumentValue": text}
            raise S3Error(
                "InvalidArgument", f"Provided {name} not an integer or within integer range", facts=facts
            )
        return min(number, limit)
