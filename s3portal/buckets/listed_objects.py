"""The objects of a listing's answer. Most stores write each of them in one usual form, which is found faster
than XML is read; an answer in which any has another form is read as XML, with the same result. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_plus

from s3portal.buckets.direct import Node, local_name, read_xml

_QUOTE = rb'(?:&quot;|&#34;|")?'
_USUAL = re.compile(
    rb"<Contents><Key>([^<&\x00-\x1f]*)</Key><LastModified>([^<&\x00-\x1f]*)</LastModified>"
    rb"<ETag>" + _QUOTE + rb'([^<&"\x00-\x1f]*)' + _QUOTE + rb"</ETag>"
    rb"(?:<ChecksumAlgorithm>\w*</ChecksumAlgorithm>)*(?:<ChecksumType>\w*</ChecksumType>)?"
    rb"<Size>([0-9]+)</Size>(?:<StorageClass>([A-Z_]*)</StorageClass>)?</Contents>"
)
_BEGIN, _END = b"<Contents>", b"</Contents>"


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime
    storage_class: str = "STANDARD"


def page_and_objects(body: bytes) -> tuple[Node, list[ListedObject]]:
    """The document of a listing's answer, which may lack its objects, and the objects. Raises ValueError
    where it is no XML."""
    first, last = body.find(_BEGIN), body.rfind(_END) + len(_END)
    if first >= 0 and _is_plain(body[:first], body):
        page = read_xml(body[:first] + body[last:])
        objects = _usual(page, body, first, last)
        if objects is not None:
            return page, objects
    page = read_xml(body)
    return page, objects_of(page)


def objects_of(page: Node) -> list[ListedObject]:
    """The objects of a document."""
    encoded = page.text("EncodingType") == "url"
    found = []
    for child in page.element:
        if local_name(child.tag) != "Contents":
            continue
        facts = {local_name(each.tag): each.text or "" for each in child}
        found.append(
            ListedObject(
                unquote_plus(facts["Key"]) if encoded else facts["Key"],
                int(facts["Size"]),
                facts.get("ETag", "").strip('"'),
                time_of(facts["LastModified"]),
                facts.get("StorageClass") or "STANDARD",
            )
        )
    return found


def time_of(text: str) -> datetime:
    """A time of an answer, whatever its form."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        # Some stores have other fractions of seconds, or the dates of HTTP.
        from botocore.utils import parse_timestamp

        return parse_timestamp(text)


def _is_plain(head: bytes, body: bytes) -> bool:
    """Whether it has no comments, and is in UTF-8."""
    declared = head.partition(b"?>")[0].lower()
    return b"<!" not in body and (b"encoding" not in declared or b"utf-8" in declared)


def _usual(page: Node, body: bytes, first: int, last: int) -> list[ListedObject] | None:
    """The objects between two offsets; None where not all of it has the usual form."""
    encoded = page.text("EncodingType") == "url"
    found, end = [], first
    for match in _USUAL.finditer(body, first, last):
        if match.start() != end:
            return None
        end = match.end()
        key, modified, etag, size, storage_class = match.groups()
        name = key.decode()
        if encoded and ("%" in name or "+" in name):
            name = unquote_plus(name)
        found.append(
            ListedObject(
                name,
                int(size),
                etag.decode(),
                time_of(modified.decode()),
                storage_class.decode() if storage_class else "STANDARD",
            )
        )
    return found if end == last else None
