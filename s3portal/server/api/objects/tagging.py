"""GetObjectTagging, PutObjectTagging, DeleteObjectTagging: also of one version.

A delete marker has no tags and takes none, be it named or current.
"""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.objects.named_versions import change_named, find_named, version_header
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import OBJECT, Operation
from s3portal.server.storage import journal
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.tag_sets import encode_tags, stored_tags, tag_set_element, tags_of_document
from s3portal.server.wire.xml_documents import document


def get_object_tagging(call: Call) -> Reply:
    found = find_named(call, sees_markers=True)
    return xml_reply(
        document("Tagging", tag_set_element(stored_tags(found.tags))), headers=version_header(found)
    )


def put_object_tagging(call: Call) -> Reply:
    tags = encode_tags(tags_of_document(call.document("Tagging")))
    changed = change_named(call, lambda found: replace(found, tags=tags), journal.TAGGED, sees_markers=True)
    return Reply(200, version_header(changed))


def delete_object_tagging(call: Call) -> Reply:
    changed = change_named(call, lambda found: replace(found, tags=None), journal.UNTAGGED, sees_markers=True)
    return Reply(204, version_header(changed))


OPERATIONS = (
    Operation("GetObjectTagging", OBJECT, "GET", ("tagging",), "s3:GetObjectTagging", get_object_tagging),
    Operation(
        "PutObjectTagging",
        OBJECT,
        "PUT",
        ("tagging",),
        "s3:PutObjectTagging",
        put_object_tagging,
        tags_in_body=True,
    ),
    Operation(
        "DeleteObjectTagging", OBJECT, "DELETE", ("tagging",), "s3:DeleteObjectTagging", delete_object_tagging
    ),
)
