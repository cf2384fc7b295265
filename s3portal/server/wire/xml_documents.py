"""XML in and out: S3's documents are small, so they are built as text and parsed whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import lru_cache
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from s3portal.server.wire.errors import S3Error

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
IAM_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# S3's own documents have five levels; the longest lists 10,000 parts with a checksum each.
DEPTH_LIMIT = 16
ELEMENTS_LIMIT = 100_000

# A carriage return or a control character written as itself would be lost or refused by parsers. S3 writes
# it as a character reference too; clients that must read such keys ask for encoding-type=url.
_SPECIAL = re.compile(r"[&<>\"\x00-\x08\x0b-\x1f\x7f]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """Returns ``text`` as XML character data."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0]) or f"&#{ord(found[0])};", text)


def readable(text: str) -> str:
    """Returns ``text`` without the characters that no XML may hold, so that an error which quotes what was
    asked for can be written, and read by every parser (XML 1.0, section 2.2)."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def element(name: str, *content: str) -> str:
    """Returns an element around content that is XML already."""
    return f"<{name}>{''.join(content)}</{name}>"


def field(name: str, value: object) -> str:
    """Returns an element with a plain value; nothing for None; booleans as XML writes them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    return f"<{name}>{escape(str(value))}</{name}>"


def fields(*pairs: tuple[str, object]) -> str:
    """Returns an element for each pair, in order."""
    return "".join(field(name, value) for name, value in pairs)


def document(name: str, *content: str, namespace: str = S3_NAMESPACE) -> bytes:
    """Returns a whole document in S3's namespace, or the one given ('' for none)."""
    opening = f'<{name} xmlns="{namespace}">' if namespace else f"<{name}>"
    return f"{DECLARATION}{opening}{''.join(content)}</{name}>".encode()


def timestamp(moment_ms: int) -> str:
    """Returns a time in milliseconds since 1970 as S3 writes it: 2026-11-21T09:59:12.345Z."""
    return f"{_second(moment_ms // 1000)}.{moment_ms % 1000:03d}Z"


def to_the_second(moment_ms: int) -> str:
    """Returns when something was made as listings say it: 2026-11-21T09:59:12.000Z, which is the time that
    Last-Modified has, too."""
    return f"{_second(moment_ms // 1000)}.000Z"


@lru_cache(maxsize=4096)
def _second(moment_s: int) -> str:
    """Much of a bucket was written in the same seconds."""
    # Without the offset; strftime would take five times as long.
    return datetime.fromtimestamp(moment_s, timezone.utc).isoformat()[:19]


class _BoundedBuilder(TreeBuilder):
    """Builds the tree of a document that is no deeper and no longer than the longest that S3 has.

    Raises ValueError for others.
    """

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > DEPTH_LIMIT or self._count > ELEMENTS_LIMIT:
            raise ValueError("the document is too deep or too long")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse_document(body: bytes, root_name: str) -> Element:
    """Returns the root element of a request's document, as ``parse_xml`` does.

    Raises MalformedXML when it has another root, too.
    """
    root = parse_xml(body)
    if root.tag != root_name:
        raise S3Error("MalformedXML")
    return root


def parse_xml(body: bytes) -> Element:
    """Returns the root element of a document, whatever it is, its namespaces taken away.

    Raises MalformedXML when it is not XML, or holds entities and the like.
    """
    try:
        parser = XMLParser(target=_BoundedBuilder(), forbid_dtd=True)
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as problem:
        raise S3Error("MalformedXML") from problem
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def text_of(parent: Element, name: str) -> str | None:
    """Returns the text of the child ``name``, '' for an empty one, None when it is missing."""
    child = parent.find(name)
    return None if child is None else (child.text or "")


def required_text(parent: Element, name: str) -> str:
    """Returns the text of the child ``name``; raises MalformedXML when it is missing or empty."""
    text = text_of(parent, name)
    if not text:
        raise S3Error("MalformedXML")
    return text


def refuse_unknown_children(parent: Element, known: Iterable[str]) -> None:
    """Raises MalformedXML for a child that is not among ``known``: nothing is silently ignored.

    An empty one asks for nothing.
    """
    names = set(known)
    if any(child.tag not in names and (len(child) or (child.text or "").strip()) for child in parent):
        raise S3Error("MalformedXML")
