"""What a portal asks for when an upload begins."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field


def new_upload_id() -> str:
    """An id for an upload: random, and no secret, since every call checks the caller again."""
    return str(uuid.uuid4())


@dataclass(frozen=True, kw_only=True)
class NewUpload:
    """An upload that is to begin, as the portal describes it.

    The portal makes the key, since what keys begin with is its own affair (keys.py has the form that they
    have in CKAN); one that contains the upload's id gives the same ``id`` here.
    """

    #: The name of the object that the file becomes, at most 1,024 bytes of UTF-8.
    key: str
    #: What the upload belongs to: the kind of thing, such as ``dataset``, and its id in the portal.
    owner_type: str
    owner_id: str
    #: The publisher's id in the portal.
    user: str
    #: The file's own name, 1 to 1,000 characters; downloads have it again.
    filename: str
    #: The file's exact size in bytes; 0 is a file, too.
    size_bytes: int
    #: What the file says that it is, such as ``text/csv``; anything that is no content type is stored as
    #: bytes.
    content_type: str = ""
    #: The client's own, by which it knows its file again when it resumes.
    fingerprint: str = ""
    #: How far the client is from the store, in milliseconds, where it knows; the size of parts depends on it.
    round_trip_ms: float | None = None
    #: What the object says of itself: names and values in any characters. The upload's id is added to it.
    metadata: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=new_upload_id)
