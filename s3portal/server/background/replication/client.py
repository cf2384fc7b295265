"""The requests to a target, by botocore. This is the one module that loads it."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError

from s3portal.server.background.interruptible import Interrupted, answer_of
from s3portal.server.background.replication.errors import NotReplicated, Refused, Stopping, TargetDown
from s3portal.server.storage.replicas import NOT_NEEDED_HEADER, REPLICA, STATUS_HEADER
from s3portal.server.wire.checksums import Checksum

#: Servers that know us as this honour what we say of versions; see gateway/replication_agent.py.
USER_AGENT = "S3ReplicationAgent/1.0 (s3portal)"
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 60
POOL_SIZE = 16
# What says more of the target, or of our keys, than of one object.
_DOWN = frozenset(
    {
        "AccountProblem", "AllAccessDisabled", "ExpiredToken", "InsufficientStorage", "InternalError",
        "InvalidAccessKeyId", "NoSuchBucket", "RequestTimeTooSkewed", "RequestTimeout", "ServiceUnavailable",
        "SignatureDoesNotMatch", "SlowDown", "Throttling", "TooManyRequests",
    }
)  # fmt: skip
_OF_CHECKSUMS = frozenset({"InvalidArgument", "InvalidRequest", "NotImplemented"})
_TELLING = ("complete_multipart_upload", "head_bucket", "put_object")
_MD5 = re.compile(r"[0-9a-f]{32}")


class TargetClient:
    """A client of one connection. Its methods raise TargetDown or Refused, and Stopping once it was
    interrupted; may be used by several threads."""

    def __init__(self, endpoint: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        session = botocore.session.Session()
        # Whatever the machine's own profile says is not about this connection.
        session.set_config_variable("profile", None)
        self._client: Any = session.create_client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            config=Config(
                user_agent=USER_AGENT,
                signature_version="s3v4",
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                max_pool_connections=POOL_SIZE,
                # Retrying is the job's, which knows more.
                retries={"total_max_attempts": 1},
                # Every body is covered by the checksum that it was stored with.
                s3={"addressing_style": "path", "payload_signing_enabled": False},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        self._extra = threading.local()
        self._stopping = threading.Event()
        self._client.meta.events.register("before-call.s3", self._add_headers)
        #: Whether the target says that it takes what we send for replicas; None before it could.
        self.is_honoured: bool | None = None
        self.takes_checksums = True

    def close(self) -> None:
        self._client.close()

    def interrupt(self) -> None:
        """Ends all that waits for the target, for good: a target that hangs keeps no server from ending."""
        self._stopping.set()

    def call(self, method: str, headers: Mapping[str, str] | None = None, /, **arguments: Any) -> Any:
        """Returns the answer of an operation, called like boto3's ``method``, with further ``headers``."""
        given = {name: value for name, value in arguments.items() if value is not None}

        def ask() -> Any:
            # In a thread of its own, whose headers these are.
            self._extra.headers = headers or {}
            return getattr(self._client, method)(**given)

        with _translated(method):
            answer = answer_of(ask, self._stopping)
        if method in _TELLING:
            self.is_honoured = _says_replica(answer)
        return answer

    def learn(self, bucket: str) -> None:
        """Finds out whether the target takes what we send for replicas, where that is not known yet. Raises
        TargetDown."""
        if self.is_honoured is None:
            try:
                self.call("head_bucket", Bucket=bucket)
            except Refused as refused:
                # Who may not list a bucket hears it with the first object.
                if _code_of(refused.__cause__)[1] != 403:
                    raise TargetDown(f"bucket {bucket} is not there: {refused}") from refused

    def put(
        self,
        method: str,
        headers: Mapping[str, str],
        checksum: Checksum | None,
        etag: str | None,
        /,
        **arguments: Any,
    ) -> Any:
        """Returns the answer of an operation with a body, which is sent with its ``checksum`` and, where
        ``etag`` is one, its MD5. A target that knows no checksums gets the MD5 alone from then on."""
        arguments["ContentLength"] = len(arguments["Body"])
        if etag is not None and _MD5.fullmatch(etag):
            arguments["ContentMD5"] = base64.b64encode(bytes.fromhex(etag)).decode()
        if checksum is None or not self.takes_checksums:
            return self.call(method, headers, **arguments)
        try:
            return self.call(method, headers, **arguments, **{checksum.element_name: checksum.value})
        except Refused as refused:
            if not self.refuses_checksums(refused):
                raise
        arguments["Body"].seek(0)
        return self.call(method, headers, **arguments)

    def refuses_checksums(self, refused: Refused) -> bool:
        """Whether a refusal may be about the checksum, which this target then is not given any more."""
        if not self.takes_checksums or code_of(refused) not in _OF_CHECKSUMS:
            return False
        self.takes_checksums = False
        return True

    def has_upload(self, target: Mapping[str, str], upload_id: str) -> bool:
        """Whether a multipart upload is there and not completed."""
        try:
            self.call("list_parts", **target, UploadId=upload_id, MaxParts=1)
        except Refused as refused:
            if code_of(refused) != "NoSuchUpload":
                raise
            return False
        return True

    def abort(self, target: Mapping[str, str], upload_id: str) -> None:
        """Ends a multipart upload, which may be gone already."""
        try:
            self.call("abort_multipart_upload", **target, UploadId=upload_id)
        except Refused as refused:
            if code_of(refused) != "NoSuchUpload":
                raise

    def find(self, **arguments: Any) -> Any:
        """Returns the answer of HeadObject with checksums; None where there is no such object or version."""
        try:
            return self.call("head_object", ChecksumMode="ENABLED", **arguments)
        except Refused as refused:
            code, status = _code_of(refused.__cause__)
            if status in (400, 404, 405) or code in ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed"):
                return None
            raise

    def listed(self, method: str, key: str, **arguments: Any) -> list[Any]:
        """Returns what all pages of a listing have under ``key``."""
        pages = self._client.get_paginator(method).paginate(**arguments)
        with _translated(method):
            return answer_of(lambda: [entry for page in pages for entry in page.get(key, ())], self._stopping)

    def _add_headers(self, params: dict[str, Any], **_: Any) -> None:
        params["headers"].update(getattr(self._extra, "headers", {}))


def _says_replica(answer: Any) -> bool:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return bool(headers.get(STATUS_HEADER) == REPLICA)


def is_not_needed(answer: Any) -> bool:
    """Whether a server like this one says that it has a later state than what it was sent."""
    return NOT_NEEDED_HEADER in answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})


def _code_of(problem: BaseException | None) -> tuple[str, int]:
    """Returns the code and the HTTP status of an error answer."""
    if not isinstance(problem, ClientError):
        return "", 0
    response: Any = problem.response
    return (
        str(response.get("Error", {}).get("Code", "")),
        int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)),
    )


def code_of(problem: NotReplicated) -> str:
    """Returns the code of the error answer behind a refusal, '' where there was none."""
    return _code_of(problem.__cause__)[0]


@contextmanager
def _translated(method: str) -> Iterator[None]:
    try:
        yield
    except Interrupted as problem:
        raise Stopping(f"{method}: {problem}") from problem
    except ClientError as problem:
        code, status = _code_of(problem)
        kind: Callable[[str], NotReplicated] = Refused
        if code in _DOWN or status >= 500 or status == 429:
            kind = TargetDown
        raise kind(f"{method}: {problem}") from problem
    except ParamValidationError as problem:
        raise Refused(f"{method}: {problem}") from problem
    except (BotoCoreError, HTTPClientError) as problem:
        if isinstance(problem.kwargs.get("error"), NotReplicated):
            # Raised by the body that is sent.
            raise problem.kwargs["error"] from problem
        raise TargetDown(f"{method}: {problem}") from problem
