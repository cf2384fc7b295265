"""DeleteObject, DeleteObjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from s3portal.server.access.payload import has_digest
from s3portal.server.api.objects.deletion_conditions import (
    CONDITIONS,
    DeletionConditions,
    conditions_of_element,
    conditions_of_headers,
)
from s3portal.server.api.objects.locks import bypasses_governance
from s3portal.server.api.versions.version_ids import DELETE_MARKER, VERSION_ID, version_id_of
from s3portal.server.authority.actions import action_on_version
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.bucket_settings.object_lock import require_deletable
from s3portal.server.gateway.call import Call, Touched
from s3portal.server.gateway.judged_objects import JudgedAnother
from s3portal.server.gateway.operation import BUCKET, OBJECT, Operation
from s3portal.server.gateway.replication_agent import origin_of
from s3portal.server.storage import deletion
from s3portal.server.storage.deletion import Deleted, Deletion
from s3portal.server.storage.records import Version
from s3portal.server.storage.storage import now_ms
from s3portal.server.storage.versioning import looks_like_version_id
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.xml_documents import (
    document,
    element,
    fields,
    refuse_unknown_children,
    required_text,
    text_of,
)

DELETE_LIMIT = 1000
# How often an object may be replaced between the decision about it and its deletion.
_JUDGEMENTS_LIMIT = 10


def delete_object(call: Call) -> Reply:
    asked = _deletion(call, call.key, version_id_of(call), conditions_of_headers(call.request))
    asked = replace(asked, origin=origin_of(call))
    (deleted,) = deletion.delete(call.storage, call.bucket, [asked], call.bucket_row.owner)
    if deleted.refused is not None:
        raise deleted.refused
    if deleted.version_id is None:
        return NO_CONTENT
    headers = {DELETE_MARKER: "true"} if deleted.is_delete_marker else {}
    return Reply(204, headers | {VERSION_ID: deleted.version_id})


def delete_objects(call: Call) -> Reply:
    """Deletes up to 1,000 objects or versions; each is allowed or refused separately.

    A digest of the list is demanded, also where the signature covers it:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    call.bucket_row.require()
    if not has_digest(call.request):
        raise S3Error("InvalidRequest", "Missing required header for this request: Content-MD5")
    root = call.document("Delete")
    refuse_unknown_children(root, ["Object", "Quiet"])
    nodes = root.findall("Object")
    if not 0 < len(nodes) <= DELETE_LIMIT:
        raise S3Error("MalformedXML")
    quiet = (text_of(root, "Quiet") or "false").lower() == "true"
    outcomes = _delete_each(call, nodes)
    for _ in range(_JUDGEMENTS_LIMIT):
        changed = [index for index, each in enumerate(outcomes) if isinstance(each.refused, JudgedAnother)]
        if not changed:
            break
        call.judged.forget()
        again = _delete_each(call, [nodes[index] for index in changed])
        for index, outcome in zip(changed, again, strict=True):
            outcomes[index] = outcome
    call.touched.extend(
        Touched(each.deletion.key, each.deletion.version_id or each.version_id, each.refused)
        for each in outcomes
    )
    shown = (_shown(outcome) for outcome in outcomes if outcome.refused is not None or not quiet)
    return xml_reply(document("DeleteResult", *shown))


def _delete_each(call: Call, nodes: Sequence[Element]) -> list[Deleted]:
    """Returns what became of each, in the order that they were asked for."""
    asked = [_asked(call, node) for node in nodes]
    allowed = [each for each in asked if isinstance(each, Deletion)]
    made = iter(deletion.delete(call.storage, call.bucket, allowed, call.bucket_row.owner))
    return [next(made) if isinstance(each, Deletion) else each for each in asked]


def _deletion(call: Call, key: str, version_id: str | None, conditions: DeletionConditions) -> Deletion:
    # Asked now: a decision reads the database, which a transaction must not wait for. Without a version id
    # nothing goes that a lock holds.
    bypass = version_id is not None and bypasses_governance(call, key, version_id)

    def check(found: Version | None) -> None:
        call.judged.act_on(call.bucket, key, version_id, found.found if found else None)
        conditions.check(key, version_id, found)
        if version_id is not None and found is not None:
            require_deletable(found.lock, now_ms(), bypass=bypass)

    return Deletion(key, version_id, check)


def _asked(call: Call, node: Element) -> Deletion | Deleted:
    """Returns what one Object element asks for, or its refusal."""
    refuse_unknown_children(node, ["Key", "VersionId", "ETag", "LastModifiedTime", "Size"])
    key, version_id = required_text(node, "Key"), text_of(node, "VersionId") or None
    asked = _deletion(call, key, version_id, conditions_of_element(node))
    if version_id is not None and not looks_like_version_id(version_id):
        return Deleted(asked, refused=S3Error("NoSuchVersion"))
    action = action_on_version("s3:DeleteObject", version_id)
    try:
        call.require(action, call.bucket, key, version_id=version_id)
    except AccessDenied as refused:
        return Deleted(asked, refused=refused)
    return asked


def _shown(outcome: Deleted) -> str:
    names = (("Key", outcome.deletion.key), ("VersionId", outcome.deletion.version_id))
    if outcome.refused is not None:
        error = (("Code", outcome.refused.code), ("Message", outcome.refused.message))
        return element("Error", fields(*names, *error))
    marker_id = outcome.version_id if outcome.is_delete_marker else None
    marker = (("DeleteMarker", True if marker_id else None), ("DeleteMarkerVersionId", marker_id))
    return element("Deleted", fields(*names, *marker))


OPERATIONS = (
    Operation(
        "DeleteObject",
        OBJECT,
        "DELETE",
        (),
        "s3:DeleteObject",
        delete_object,
        conditional=CONDITIONS,
    ),
    Operation("DeleteObjects", BUCKET, "POST", ("delete",), "", delete_objects),
)
