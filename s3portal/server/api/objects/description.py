"""What an object is stored with, besides its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3portal.server.api.encryption.encryption import PLAIN, Encryption, requested_encryption
from s3portal.server.api.objects.locks import lock_of_new_object
from s3portal.server.api.objects.object_headers import stored_headers
from s3portal.server.bucket_settings.object_lock import write_lock
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.replication_agent import origin_of
from s3portal.server.wire.tag_sets import encode_tags, tags_of_document, tags_of_query
from s3portal.server.wire.xml_documents import parse_document


@dataclass(frozen=True)
class Description:
    """``headers`` are those it is served with; ``tags`` and ``lock`` are JSON as StoredObject has
    them, None without. ``encryption`` says how its bytes are stored; its headers are among those."""

    headers: Mapping[str, str]
    tags: str | None = None
    lock: str | None = None
    encryption: Encryption = PLAIN


def description_of(call: Call) -> Description:
    """Returns what the request that makes an object, or begins one, says of it.

    Raises NoSuchBucket, MetadataTooLarge, InvalidStorageClass, InvalidArgument, InvalidTag, InvalidRequest,
    and what requested_encryption raises.
    """
    headers = stored_headers(call.request)
    encryption = requested_encryption(call)
    origin = origin_of(call)
    return Description(
        {**headers, **encryption.headers, **(origin.headers if origin else {})},
        tags=requested_tags(call),
        lock=write_lock(lock_of_new_object(call)),
        encryption=encryption,
    )


def requested_tags(call: Call) -> str | None:
    """Returns the tags of a request's header, or of a form's field, which is a document."""
    text = call.header("x-amz-tagging") or ""
    if text.lstrip().startswith("<"):
        return encode_tags(tags_of_document(parse_document(text.encode("latin-1", "replace"), "Tagging")))
    return encode_tags(tags_of_query(text))
