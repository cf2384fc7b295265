"""DeleteObject, DeleteObjects."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from s3portal.server.api.objects.conditions import etag_matches
from s3portal.server.api.versions.version_ids import refuse_versions
from s3portal.server.authority.actions import action_on_version
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, OBJECT, Operation
from s3portal.server.storage import objects
from s3portal.server.storage.records import StoredObject
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply
from s3portal.server.wire.xml_documents import (
    document,
    element,
    field,
    fields,
    refuse_unknown_children,
    required_text,
    text_of,
)

DELETE_LIMIT = 1000


def delete_object(call: Call) -> Reply:
    refuse_versions(call)
    if_match = call.header("if-match") or None

    def check(found: StoredObject | None) -> None:
        if if_match is not None and (found is None or not etag_matches(if_match, found.etag)):
            raise S3Error("PreconditionFailed", facts={"Condition": "If-Match"})

    objects.delete(call.storage, call.bucket, [call.key], check)
    return NO_CONTENT


def delete_objects(call: Call) -> Reply:
    """Deletes up to 1,000 objects; each is allowed or refused by itself."""
    call.bucket_row.require()
    root = call.document("Delete")
    refuse_unknown_children(root, ["Object", "Quiet"])
    nodes = root.findall("Object")
    if not 0 < len(nodes) <= DELETE_LIMIT:
        raise S3Error("MalformedXML")
    quiet = (text_of(root, "Quiet") or "false").lower() == "true"
    refused, deletable = [], []
    for node in nodes:
        key = required_text(node, "Key")
        error = _refusal(call, node, key)
        if error is None:
            deletable.append(key)
        else:
            refused.append(
                element("Error", fields(("Key", key), ("Code", error.code), ("Message", error.message)))
            )
    objects.delete(call.storage, call.bucket, deletable, lambda found: None)
    deleted = [] if quiet else [element("Deleted", field("Key", key)) for key in deletable]
    return xml_reply(document("DeleteResult", *deleted, *refused))


def _refusal(call: Call, node: Element, key: str) -> S3Error | None:
    refuse_unknown_children(node, ["Key", "VersionId"])
    if text_of(node, "VersionId") not in (None, "", "null"):
        return S3Error("NoSuchVersion")
    version_id = text_of(node, "VersionId")
    if not call.may(action_on_version("s3:DeleteObject", version_id), call.bucket, key):
        return S3Error("AccessDenied")
    return None


OPERATIONS = (
    Operation(
        "DeleteObject",
        OBJECT,
        "DELETE",
        (),
        "s3:DeleteObject",
        delete_object,
        conditional=("if-match",),
    ),
    Operation("DeleteObjects", BUCKET, "POST", ("delete",), "", delete_objects),
)
