"""One task: the target gets a version as it is here, whatever it had of it before.

A task does not say what has happened; it is looked up what there is: an object, a delete marker, or nothing
any more. So a task may be done twice, and nothing is there twice: where a target may have the version
already, it is asked first.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from s3portal.server.background.replication.client import TargetClient, code_of, is_not_needed
from s3portal.server.background.replication.comparing import (
    CUSTOMER_ALGORITHM,
    ENCRYPTION,
    HEADERS,
    ascii_metadata_of,
    difference,
    has_md5,
)
from s3portal.server.background.replication.errors import Refused
from s3portal.server.background.replication.multipart import PartwiseUpload
from s3portal.server.background.replication.source_body import SourceBody
from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.storage import objects, versions
from s3portal.server.storage import replication_backlog as backlog
from s3portal.server.storage.records import NULL_VERSION, StoredObject, Version, Versioning
from s3portal.server.storage.replicas import DELETED, MODIFIED_HEADER, TAGGED, VERSION_HEADER
from s3portal.server.storage.replication_backlog import Done, Sent, Task
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.tag_sets import query_of_tags, stored_tags

#: Larger objects are looked for at the target first, because to look costs less than to send.
SMALL_BYTES = 256 * 1024
#: An object that was not uploaded in parts is sent in parts where it is larger and did not get through.
WHOLE_LIMIT_BYTES = 64 * 1024**2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sending:
    """What a task needs: where from, by which rule, and by which client to the target."""

    storage: Storage
    keys: AdministratorsKeys
    bucket: str
    versioning: Versioning
    rule: ReplicationRule
    client: TargetClient
    stopping: threading.Event


def perform(sending: Sending, task: Task) -> Done:
    """Does a task and compares. Raises TargetDown, Refused, Stopping."""
    storage, bucket = sending.storage, sending.bucket
    sending.client.learn(sending.rule.target_bucket)
    version = versions.find_version(storage, bucket, task.key, task.version_id)
    sent = backlog.find_sent(storage, task.bucket_id, task.rule_id, task.key, task.version_id)
    if version is None:
        _end_upload(sending, task)
        return _delete(sending, task, sent)
    if version.is_delete_marker:
        _end_upload(sending, task)
        return _mark(sending, task, version, sent)
    found = objects.lease(storage, bucket, task.key, task.version_id)
    if found is None:
        # Deleted since: its deletion is a change of its own.
        _end_upload(sending, task)
        return Done(task, sent)
    try:
        return _send(sending, task, found, sent)
    finally:
        storage.leases.release(found.body_id)


def _end_upload(sending: Sending, task: Task) -> None:
    """Aborts the multipart upload of an earlier attempt, which nothing continues."""
    if task.upload_id is not None:
        sending.client.abort(_target(sending, task), task.upload_id.rpartition(" ")[2])
        backlog.forget_upload(sending.storage, task)


def attributes_of(found: StoredObject) -> str:
    """Returns the tags and the lock of an object as one text, to see whether they have changed."""
    return json.dumps([found.tags, found.lock])


def source_headers(version_id: str, modified_at: int) -> dict[str, str]:
    """Returns what tells a server like this one which version a request is about."""
    headers = {MODIFIED_HEADER: str(modified_at)}
    return headers if version_id == NULL_VERSION else {**headers, VERSION_HEADER: version_id}


def _target(sending: Sending, task: Task) -> dict[str, str]:
    return {"Bucket": sending.rule.target_bucket, "Key": task.key}


def _send(sending: Sending, task: Task, found: StoredObject, sent: Sent | None) -> Done:
    attributes = attributes_of(found)
    if sent is not None and sent.body_id == found.body_id:
        _end_upload(sending, task)
        if sent.attributes != attributes:
            _send_attributes(sending, task, found, sent)
        return Done(task, Sent(found.body_id, attributes, sent.target_version_id))
    head = _look_first(sending, task, found)
    is_there = head is not None
    if head is None:
        head = _compared(sending, task, found, _send_content(sending, task, found))
    target_version_id = head.get("VersionId")
    new = Sent(found.body_id, attributes, None if target_version_id == NULL_VERSION else target_version_id)
    if is_there or _tagged_at(sending, task) is not None:
        _send_attributes(sending, task, found, new)
    if is_there:
        # Completed without our hearing of it, or not needed.
        _end_upload(sending, task)
    return Done(task, new, 0 if is_there else found.size_bytes)


def _look_first(sending: Sending, task: Task, found: StoredObject) -> Any:
    """Returns what the target says of the object where it has it already, None otherwise.

    A target that does not keep replicas apart is always asked: two that replicate to each other would else
    send one object to and fro without end.
    """
    client = sending.client
    if client.is_honoured and not task.attempts and found.size_bytes <= SMALL_BYTES:
        return None
    version_id = None if task.version_id == NULL_VERSION or not client.is_honoured else task.version_id
    head = client.find(**_target(sending, task), VersionId=version_id)
    return head if head is not None and difference(found, head) is None else None


def _compared(sending: Sending, task: Task, found: StoredObject, answer: Any) -> Any:
    """Returns what the target says of the object that was sent. Raises Refused where it is different."""
    head = sending.client.find(**_target(sending, task), VersionId=answer.get("VersionId"))
    problem = "the target does not have it" if head is None else difference(found, head)
    if problem is not None and is_not_needed(answer):
        # It was deleted there, or has a later object in its place.
        return answer
    if problem is not None:
        raise Refused(f"after sending: {problem}")
    return head


def _send_content(sending: Sending, task: Task, found: StoredObject) -> Any:
    if CUSTOMER_ALGORITHM in found.headers:
        raise Refused("it is encrypted with its writer's own key (SSE-C), which this server does not keep")
    arguments = _target(sending, task) | fields_of(found, sending.rule)
    headers = source_headers(task.version_id, found.modified_at)
    if found.part_count or (found.size_bytes > WHOLE_LIMIT_BYTES and task.attempts > 1):
        upload = PartwiseUpload(
            storage=sending.storage,
            keys=sending.keys,
            client=sending.client,
            task=task,
            found=found,
            arguments=arguments,
            headers=headers,
            connection=sending.rule.connection,
            stopping=sending.stopping,
        )
        return upload.send()
    body = SourceBody(sending.storage, sending.keys, found, 0, found.size_bytes, sending.stopping)
    checksum = None if "-" in found.checksum.value else found.checksum
    etag = found.etag if has_md5(found) else None
    answer = sending.client.put("put_object", headers, checksum, etag, **arguments, Body=body)
    _end_upload(sending, task)
    return answer


def fields_of(found: StoredObject, rule: ReplicationRule) -> dict[str, Any]:
    """Returns what PutObject and CreateMultipartUpload say of an object, but for its bytes."""
    fields: dict[str, Any] = {
        field: found.headers[name] for name, field in HEADERS.items() if name in found.headers
    }
    fields["Metadata"] = ascii_metadata_of(found)
    fields["StorageClass"] = rule.storage_class or found.headers.get("x-amz-storage-class")
    # With the target's own keys: ours are not there.
    fields["ServerSideEncryption"] = found.headers.get(ENCRYPTION)
    if (fields["ServerSideEncryption"] or "").startswith("aws:kms"):
        fields["SSEKMSKeyId"] = rule.kms_key_id
    tags = stored_tags(found.tags)
    if tags:
        fields["Tagging"] = query_of_tags(tags)
    lock = json.loads(found.lock) if found.lock else {}
    if lock.get("mode") and lock.get("until_ms"):
        fields["ObjectLockMode"] = lock["mode"]
        fields["ObjectLockRetainUntilDate"] = _date(lock["until_ms"])
    if lock.get("legal_hold"):
        fields["ObjectLockLegalHoldStatus"] = "ON"
    return fields


def _date(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, timezone.utc)


def _tagged_at(sending: Sending, task: Task) -> int | None:
    return backlog.marked_at(sending.storage, task.bucket_id, task.key, task.version_id, TAGGED)


def _send_attributes(sending: Sending, task: Task, found: StoredObject, sent: Sent) -> None:
    """Gives the target the tags of an object, and its lock where it has one."""
    target = _target(sending, task)
    if sent.target_version_id is not None:
        target["VersionId"] = sent.target_version_id
    changed_at = _tagged_at(sending, task) or found.modified_at
    headers = source_headers(task.version_id, changed_at)
    tags = [{"Key": name, "Value": value} for name, value in stored_tags(found.tags).items()]
    client = sending.client
    if tags:
        client.call("put_object_tagging", headers, **target, Tagging={"TagSet": tags})
    else:
        client.call("delete_object_tagging", headers, **target)
    lock = json.loads(found.lock) if found.lock else {}
    if lock.get("mode") and lock.get("until_ms"):
        retention = {"Mode": lock["mode"], "RetainUntilDate": _date(lock["until_ms"])}
        client.call("put_object_retention", headers, **target, Retention=retention)
    if "legal_hold" in lock:
        status = "ON" if lock["legal_hold"] else "OFF"
        client.call("put_object_legal_hold", headers, **target, LegalHold={"Status": status})


def _mark(sending: Sending, task: Task, marker: Version, sent: Sent | None) -> Done:
    """Makes a delete marker at the target."""
    if not sending.rule.delete_markers or sent is not None:
        return Done(task, sent)
    headers = source_headers(task.version_id, marker.modified_at)
    if _is_gone(sending, task):
        return Done(task, Sent(None, "", None))
    answer = sending.client.call("delete_object", headers, **_target(sending, task))
    return Done(task, Sent(None, "", answer.get("VersionId")))


def _is_gone(sending: Sending, task: Task) -> bool:
    """Whether a target that does not keep replicas apart has nothing to delete (any more): of two that
    replicate to each other each would else answer a deletion by another one."""
    return sending.client.is_honoured is False and sending.client.find(**_target(sending, task)) is None


def _delete(sending: Sending, task: Task, sent: Sent | None) -> Done:
    """Deletes at the target what is not here any more."""
    rule = sending.rule
    storage = sending.storage
    is_plain = task.version_id == NULL_VERSION and sending.versioning is Versioning.NEVER
    if not (rule.deletions or (is_plain and rule.delete_markers)):
        return Done(task, None)
    at = backlog.marked_at(storage, task.bucket_id, task.key, task.version_id, DELETED) or task.changed_at
    target = _target(sending, task)
    if is_plain and _is_gone(sending, task):
        return Done(task, None)
    if not is_plain:
        target["VersionId"] = (sent.target_version_id if sent else None) or task.version_id
    try:
        sending.client.call("delete_object", source_headers(task.version_id, at), **target)
    except Refused as refused:
        # Its own ids are all that it knows; this one is not among them, so that it never had it.
        if code_of(refused) not in ("NoSuchVersion", "InvalidArgument", "NoSuchKey"):
            raise
        log.debug("%s/%s is not at the target: %s", sending.bucket, task.key, refused)
    return Done(task, None)
