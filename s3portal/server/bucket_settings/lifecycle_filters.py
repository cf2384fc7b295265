"""The filter of a lifecycle rule as XML: a prefix, a tag, sizes, or several of these.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.lifecycle import LifecycleFilter
from s3portal.server.bucket_settings.xml_values import at_most_one, malformed, number_of
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, fields, refuse_unknown_children, text_of

PREFIX_LIMIT_BYTES = 1024
TAG_NAME_LIMIT_CHARACTERS, TAG_VALUE_LIMIT_CHARACTERS = 128, 256
# 50 TB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_SIZE_LIMIT_BYTES = 50 * 1024**4
_PREDICATES = ("Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


def filter_of_rule(rule: Element) -> tuple[LifecycleFilter, bool]:
    """Returns the filter of a rule, and whether it has one: rules of old have a prefix in its place.

    Raises MalformedXML for one that has neither, InvalidRequest, InvalidArgument, InvalidTag.
    """
    node = rule.find("Filter")
    if node is None:
        prefix = text_of(rule, "Prefix")
        if prefix is None:
            raise malformed()
        return LifecycleFilter(_checked_prefix(prefix)), False
    refuse_unknown_children(node, [*_PREDICATES, "And"])
    if len(node) > 1:
        raise malformed()
    both = node.find("And")
    if both is None:
        return _predicates(node), True
    refuse_unknown_children(both, _PREDICATES)
    if len(both) < 2:
        raise malformed()
    return _predicates(both), True


def _predicates(parent: Element) -> LifecycleFilter:
    at_most_one(parent, "Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
    larger, smaller = number_of(parent, "ObjectSizeGreaterThan"), number_of(parent, "ObjectSizeLessThan")
    for name, size_bytes, least in (("GreaterThan", larger, 0), ("LessThan", smaller, 1)):
        if size_bytes is not None and not least <= size_bytes <= _SIZE_LIMIT_BYTES:
            raise S3Error(
                "InvalidArgument", f"'ObjectSize{name}' must be from {least} to {_SIZE_LIMIT_BYTES} bytes"
            )
    if larger is not None and smaller is not None and larger >= smaller:
        raise S3Error(
            "InvalidRequest", "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'"
        )
    tags = tuple(_tag(node) for node in parent.findall("Tag"))
    if len(dict(tags)) < len(tags):
        raise S3Error("InvalidRequest", "Duplicate Tag Keys are not allowed.")
    return LifecycleFilter(_checked_prefix(text_of(parent, "Prefix") or ""), tags, larger, smaller)


def _tag(node: Element) -> tuple[str, str]:
    refuse_unknown_children(node, ["Key", "Value"])
    name, value = text_of(node, "Key"), text_of(node, "Value")
    if name is None or value is None or len(node) != 2:
        raise malformed()
    if not 0 < len(name) <= TAG_NAME_LIMIT_CHARACTERS:
        raise S3Error("InvalidTag", "The TagKey you have provided is invalid", facts={"TagKey": name})
    if len(value) > TAG_VALUE_LIMIT_CHARACTERS:
        raise S3Error("InvalidTag", "The TagValue you have provided is invalid", facts={"TagValue": value})
    return name, value


def _checked_prefix(prefix: str) -> str:
    if len(prefix.encode()) > PREFIX_LIMIT_BYTES:
        raise S3Error("InvalidRequest", f"The maximum size of a prefix is {PREFIX_LIMIT_BYTES}.")
    return prefix


def filter_to_xml(found: LifecycleFilter, has_filter: bool) -> str:
    """Returns the Filter of a rule, or the Prefix of one of old."""
    if not has_filter:
        return field("Prefix", found.prefix)
    predicates = [
        *((field("Prefix", found.prefix),) if found.prefix else ()),
        *(element("Tag", fields(("Key", name), ("Value", value))) for name, value in found.tags),
        field("ObjectSizeGreaterThan", found.larger_than_bytes),
        field("ObjectSizeLessThan", found.smaller_than_bytes),
    ]
    given = [predicate for predicate in predicates if predicate]
    if not given:
        return element("Filter", field("Prefix", ""))
    return element("Filter", given[0] if len(given) == 1 else element("And", *given))
