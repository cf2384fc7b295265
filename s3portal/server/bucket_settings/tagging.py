"""The tags of a bucket: its cost allocation tags on AWS, names and values for anything here.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.xml_values import malformed, only_child
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import document, element, fields, refuse_unknown_children, text_of

KIND = "tagging"
TAGS_LIMIT = 50
NAME_LIMIT_CHARACTERS, VALUE_LIMIT_CHARACTERS = 128, 256
_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*")
_RESERVED = "aws:"


def tags_of_nodes(parent: Element) -> dict[str, str]:
    """Returns the tags of an element with a Tag for each; raises MalformedXML, InvalidTag, BadRequest."""
    refuse_unknown_children(parent, ["Tag"])
    pairs = []
    for node in parent.findall("Tag"):
        refuse_unknown_children(node, ["Key", "Value"])
        name, value = text_of(node, "Key"), text_of(node, "Value")
        if name is None or value is None or len(node) != 2:
            raise malformed()
        pairs.append((name, value))
    return _checked(pairs)


def of_xml(root: Element) -> dict[str, str]:
    """Returns the tags of a Tagging document."""
    refuse_unknown_children(root, ["TagSet"])
    return tags_of_nodes(only_child(root, "TagSet"))


def _checked(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    if len(pairs) > TAGS_LIMIT:
        raise S3Error("BadRequest", f"Bucket tag count cannot be greater than {TAGS_LIMIT}")
    for name, value in pairs:
        if not 0 < len(name) <= NAME_LIMIT_CHARACTERS or not _ALLOWED.fullmatch(name):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", facts={"TagKey": name})
        if len(value) > VALUE_LIMIT_CHARACTERS or not _ALLOWED.fullmatch(value):
            facts = {"TagKey": name, "TagValue": value}
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", facts=facts)
        if name.lower().startswith(_RESERVED):
            message = "System tags cannot be added/updated by requester"
            raise S3Error("InvalidTag", message, facts={"TagKey": name})
    tags = dict(pairs)
    if len(tags) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in tags if names.count(name) > 1)
        message = "Cannot provide multiple Tags with the same key"
        raise S3Error("InvalidTag", message, facts={"TagKey": twice})
    return tags


def read(stored: str) -> dict[str, str]:
    """Returns the tags of a stored document."""
    tags: dict[str, str] = json.loads(stored)
    return tags


def write(tags: Mapping[str, str]) -> str:
    """Returns the document that is stored."""
    return json.dumps(dict(tags), separators=(",", ":"))


def to_xml(tags: Mapping[str, str]) -> bytes:
    """Returns the Tagging document."""
    shown = (element("Tag", fields(("Key", name), ("Value", value))) for name, value in tags.items())
    return document("Tagging", element("TagSet", *shown))
