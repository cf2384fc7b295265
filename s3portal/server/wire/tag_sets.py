"""Tags of objects and buckets: in a header's query string, in an XML document, in the JSON that is stored.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus, urlencode
from xml.etree.ElementTree import Element

from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, refuse_unknown_children, text_of

TAGS_LIMIT = 10
KEY_LIMIT_CHARACTERS, VALUE_LIMIT_CHARACTERS = 128, 256
_SIGNS = frozenset("+-=._:/@")
# The first letters of Unicode's categories of letters, numbers and separators.
_CATEGORIES = frozenset("LNZ")
_HEADER = "x-amz-tagging"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def tags_of_query(header: str) -> Mapping[str, str]:
    """Returns the tags of ``key1=value1&key2=value2``, URL-encoded; raises InvalidArgument, InvalidTag."""
    pairs = []
    for part in header.split("&"):
        if not part:
            continue
        key, _, value = part.partition("=")
        if not key or _BAD_ESCAPE.search(part):
            raise _unreadable(header)
        try:
            # The header's characters are its bytes: some write a name as it is, without encoding it.
            pairs.append(tuple(unquote_plus(_text(name), errors="strict") for name in (key, value)))
        except UnicodeError as problem:
            raise _unreadable(header) from problem
    if len({key for key, _ in pairs}) < len(pairs):
        raise _unreadable(header)
    return _checked([(key, value) for key, value in pairs])


def tags_of_document(root: Element) -> Mapping[str, str]:
    """Returns the tags of a Tagging document; raises MalformedXML, InvalidTag."""
    return _checked(pairs_of_nodes(tag_set_of(root)))


def tag_set_of(root: Element) -> Element:
    """Returns the TagSet of a Tagging document; raises MalformedXML."""
    refuse_unknown_children(root, ["TagSet"])
    sets = root.findall("TagSet")
    if len(sets) != 1:
        raise S3Error("MalformedXML")
    return sets[0]


def pairs_of_nodes(parent: Element) -> Sequence[tuple[str, str]]:
    """Returns keys and values of an element with a Tag for each; raises MalformedXML."""
    refuse_unknown_children(parent, ["Tag"])
    pairs = []
    for node in parent.findall("Tag"):
        refuse_unknown_children(node, ["Key", "Value"])
        key, value = text_of(node, "Key"), text_of(node, "Value")
        if key is None or value is None or len(node) != 2:
            raise S3Error("MalformedXML")
        pairs.append((key, value))
    return pairs


def tag_set_element(tags: Mapping[str, str]) -> str:
    tag = (element("Tag", field("Key", key), field("Value", value)) for key, value in tags.items())
    return element("TagSet", *tag)


def query_of_tags(tags: Mapping[str, str]) -> str:
    """Returns the tags as the header writes them."""
    return urlencode(tags)


def stored_tags(document: str | None) -> Mapping[str, str]:
    """Returns the tags of the JSON that is stored with an object."""
    tags: dict[str, str] = json.loads(document) if document else {}
    return tags


def encode_tags(tags: Mapping[str, str]) -> str | None:
    """Returns the JSON to store; None for no tags."""
    return json.dumps(dict(tags), separators=(",", ":")) if tags else None


def _text(name: str) -> str:
    return name if name.isascii() else name.encode("latin-1").decode()


def _checked(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    if len(pairs) > TAGS_LIMIT:
        raise S3Error("InvalidTag", f"Object tags cannot be greater than {TAGS_LIMIT}")
    return checked_tags(pairs)


def checked_tags(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Returns the tags, however many they are, if each may be one. Raises InvalidTag."""
    for key, value in pairs:
        if not 0 < len(key) <= KEY_LIMIT_CHARACTERS or not _is_allowed(key):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", facts={"TagKey": key})
        if len(value) > VALUE_LIMIT_CHARACTERS or not _is_allowed(value):
            raise S3Error(
                "InvalidTag",
                "The TagValue you have provided is invalid",
                facts={"TagKey": key, "TagValue": value},
            )
        if key.lower().startswith("aws:"):
            raise S3Error(
                "InvalidTag", "System tags cannot be added/updated by requester", facts={"TagKey": key}
            )
    tags = dict(pairs)
    if len(tags) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in tags if keys.count(key) > 1)
        raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key", facts={"TagKey": twice})
    return tags


def _is_allowed(text: str) -> bool:
    return all(c in _SIGNS or unicodedata.category(c)[0] in _CATEGORIES for c in text)


def _unreadable(header: str) -> S3Error:
    return S3Error(
        "InvalidArgument",
        f"The header '{_HEADER}' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
        "name duplicates.",
        facts={"ArgumentName": _HEADER, "ArgumentValue": header},
    )
