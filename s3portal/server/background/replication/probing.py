"""Tries a connection by doing what replication does: an object with metadata and tags is put, compared, and
deleted again."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import closing
from dataclasses import dataclass

from s3portal.server.background.replication.client import TargetClient, code_of
from s3portal.server.background.replication.errors import NotReplicated, Refused, TargetDown
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.storage.replicas import MODIFIED_HEADER
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.checksums import ALGORITHMS, DEFAULT_ALGORITHM, Checksum, encode

PROBE_PREFIX = ".s3portal-replication-probe-"
_METADATA = {"s3portal": "probe"}


@dataclass(frozen=True)
class Probed:
    """What a target can do. ``is_honoured``: it knows us as a replicating server, and keeps version ids and
    dates; ``keeps_versions``: its bucket does; ``deletes``: its user may delete. ``key`` is what the probe's
    object was called, and ``etag`` its ETag."""

    is_honoured: bool
    keeps_versions: bool
    takes_checksums: bool
    deletes: bool
    key: str
    etag: str


def test_keys(new: NewConnection) -> None:
    """Raises ConnectionProblem unless the endpoint answers and knows the keys."""
    with closing(_client(new)) as client:
        try:
            client.call("list_buckets")
        except Refused as refused:
            # Whom it does not let list its buckets it knows all the same.
            if code_of(refused) != "AccessDenied":
                raise _problem(new, refused) from refused
        except TargetDown as down:
            raise _problem(new, down) from down


def probe_bucket(new: NewConnection, bucket: str) -> Probed:
    """Returns what the bucket of a target can do. Raises ConnectionProblem for one that cannot be replicated
    to."""
    content = secrets.token_bytes(64)
    algorithm = ALGORITHMS[DEFAULT_ALGORITHM]
    digest = algorithm.start()
    digest.update(content)
    checksum = Checksum(algorithm.name, encode(digest.digest()))
    etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    key = f"{PROBE_PREFIX}{secrets.token_hex(8)}"
    target = {"Bucket": bucket, "Key": key}
    with closing(_client(new)) as client:
        try:
            answer = client.put(
                "put_object",
                {MODIFIED_HEADER: str(now_ms())},
                checksum,
                etag,
                **target,
                Body=content,
                Metadata=_METADATA,
            )
            try:
                _require_same(client, target, content, answer.get("VersionId"))
                tags = {"TagSet": [{"Key": "s3portal", "Value": "probe"}]}
                # Like the rest no change of the target's own, which it would replicate on.
                headers = {MODIFIED_HEADER: str(now_ms())}
                client.call("put_object_tagging", headers, **target, Tagging=tags)
            finally:
                deletes = _deletes(client, target, answer.get("VersionId"))
        except NotReplicated as problem:
            raise _problem(new, problem, bucket) from problem
        return Probed(
            is_honoured=bool(client.is_honoured),
            keeps_versions=answer.get("VersionId") is not None,
            takes_checksums=client.takes_checksums,
            deletes=deletes,
            key=key,
            etag=etag,
        )


def _deletes(client: TargetClient, target: dict[str, str], version_id: str | None) -> bool:
    """Deletes what was put; returns False where the target's user may not."""
    headers = {MODIFIED_HEADER: str(now_ms())}
    try:
        client.call("delete_object", headers, **target, VersionId=version_id)
    except Refused as refused:
        if code_of(refused) != "AccessDenied":
            raise
        return False
    return True


def _require_same(
    client: TargetClient, target: dict[str, str], content: bytes, version_id: str | None
) -> None:
    head = client.find(**target, VersionId=version_id)
    if head is None or head.get("ContentLength") != len(content) or head.get("Metadata") != _METADATA:
        raise Refused("what was put is not there as it was put")


def _client(new: NewConnection) -> TargetClient:
    return TargetClient(new.endpoint, new.region, new.access_key_id, new.secret_access_key)


def _problem(new: NewConnection, problem: NotReplicated, bucket: str | None = None) -> ConnectionProblem:
    where = new.endpoint if bucket is None else f"bucket {bucket} at {new.endpoint}"
    return ConnectionProblem(f"{where} cannot be replicated to: {problem}")
