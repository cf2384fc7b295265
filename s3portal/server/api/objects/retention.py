"""Get and PutObjectRetention, Get and PutObjectLegalHold: also of one version."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element

from s3portal.server.api.objects.locks import bypasses_governance, moment_of, no_object_lock, require_future
from s3portal.server.api.objects.named_versions import change_named, find_named, version_header
from s3portal.server.bucket_settings.object_lock import (
    COMPLIANCE,
    MODES,
    OBJECT_LOCK,
    Lock,
    protected,
    read_lock,
    write_lock,
)
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.storage import journal
from s3portal.server.storage.attributes import VersionAttributes
from s3portal.server.storage.storage import now_ms
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.xml_documents import (
    document,
    field,
    fields,
    refuse_unknown_children,
    text_of,
    timestamp,
)


def get_object_retention(call: Call) -> Reply:
    _require_object_lock(call)
    lock = read_lock(find_named(call).lock)
    if lock.mode is None:
        raise S3Error("NoSuchObjectLockConfiguration")
    until = timestamp(lock.until_ms or 0)
    return xml_reply(document("Retention", fields(("Mode", lock.mode), ("RetainUntilDate", until))))


def put_object_retention(call: Call) -> Reply:
    root = call.document("Retention")
    _require_object_lock(call)
    mode, until_ms = _retention_of(root)
    # Asked now: a decision reads the database, which a transaction must not wait for.
    bypass = bypasses_governance(call, call.key, call.parameter("versionId"))

    def retain(found: VersionAttributes) -> VersionAttributes:
        lock = read_lock(found.lock)
        _require_changeable(lock, mode, until_ms, bypass)
        return replace(found, lock=write_lock(replace(lock, mode=mode, until_ms=until_ms)))

    changed = change_named(call, retain, journal.LOCKED)
    return Reply(200, version_header(changed))


def _retention_of(root: Element) -> tuple[str | None, int | None]:
    """Returns mode and moment; None and None for an empty document, which takes a retention away."""
    refuse_unknown_children(root, ["Mode", "RetainUntilDate"])
    mode, until = text_of(root, "Mode") or None, text_of(root, "RetainUntilDate") or None
    if mode is None and until is None:
        return None, None
    until_ms = moment_of(until or "")
    if mode not in MODES or until_ms is None:
        raise S3Error("MalformedXML")
    require_future(until_ms)
    return mode, until_ms


def _require_changeable(lock: Lock, mode: str | None, until_ms: int | None, bypass: bool) -> None:
    """Raises AccessDenied where a retention that runs would become weaker, or another one."""
    if not lock.is_retained(now_ms()):
        return
    is_longer = mode == lock.mode and until_ms is not None and until_ms >= (lock.until_ms or 0)
    if not is_longer and (lock.mode == COMPLIANCE or not bypass):
        raise protected()


def get_object_legal_hold(call: Call) -> Reply:
    _require_object_lock(call)
    lock = read_lock(find_named(call).lock)
    if lock.legal_hold is None:
        raise S3Error("NoSuchObjectLockConfiguration")
    return xml_reply(document("LegalHold", field("Status", "ON" if lock.legal_hold else "OFF")))


def put_object_legal_hold(call: Call) -> Reply:
    root = call.document("LegalHold")
    _require_object_lock(call)
    refuse_unknown_children(root, ["Status"])
    status = text_of(root, "Status")
    if status not in ("ON", "OFF"):
        raise S3Error("MalformedXML")

    def hold(found: VersionAttributes) -> VersionAttributes:
        return replace(found, lock=write_lock(replace(read_lock(found.lock), legal_hold=status == "ON")))

    changed = change_named(call, hold, journal.LOCKED)
    return Reply(200, version_header(changed))


def _require_object_lock(call: Call) -> None:
    if OBJECT_LOCK not in call.bucket_row.require().settings:
        raise no_object_lock()


OPERATIONS = (
    Operation(
        "GetObjectRetention", OBJECT, "GET", ("retention",), "s3:GetObjectRetention", get_object_retention
    ),
    Operation(
        "PutObjectRetention", OBJECT, "PUT", ("retention",), "s3:PutObjectRetention", put_object_retention
    ),
    Operation(
        "GetObjectLegalHold", OBJECT, "GET", ("legal-hold",), "s3:GetObjectLegalHold", get_object_legal_hold
    ),
    Operation(
        "PutObjectLegalHold", OBJECT, "PUT", ("legal-hold",), "s3:PutObjectLegalHold", put_object_legal_hold
    ),
)
