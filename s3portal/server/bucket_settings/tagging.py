"""The tags of a bucket: its cost allocation tags on AWS, names and values for anything here.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import checked_tags, pairs_of_nodes, tag_set_element, tag_set_of
from s3portal.server.wire.xml_documents import document

KIND = "tagging"
TAGS_LIMIT = 50


def tags_of_nodes(parent: Element) -> dict[str, str]:
    """Returns the tags of an element with a Tag for each; raises MalformedXML, InvalidTag, BadRequest."""
    pairs = pairs_of_nodes(parent)
    if len(pairs) > TAGS_LIMIT:
        raise S3Error("BadRequest", f"Bucket tag count cannot be greater than {TAGS_LIMIT}")
    return dict(checked_tags(pairs))


def of_xml(root: Element) -> dict[str, str]:
    """Returns the tags of a Tagging document."""
    return tags_of_nodes(tag_set_of(root))


def read(stored: str) -> dict[str, str]:
    """Returns the tags of a stored document."""
    tags: dict[str, str] = json.loads(stored)
    return tags


def write(tags: Mapping[str, str]) -> str:
    """Returns the document that is stored."""
    return json.dumps(dict(tags), separators=(",", ":"))


def to_xml(tags: Mapping[str, str]) -> bytes:
    """Returns the Tagging document."""
    return document("Tagging", tag_set_element(tags))
