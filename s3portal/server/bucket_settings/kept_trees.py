"""Documents that are kept as they were put, element by element, because nothing here acts on them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element

from s3portal.server.wire.xml_documents import document, element, field

_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def write(root: Element) -> str:
    """Returns what is stored of a document."""
    return json.dumps([_written(child) for child in root], separators=(",", ":"))


def _written(node: Element) -> list[Any]:
    content = [_written(child) for child in node] if len(node) else (node.text or "")
    kind = node.get(_TYPE)
    return [node.tag, content] if kind is None else [node.tag, content, kind]


def to_xml(root_name: str, stored: str | None) -> bytes:
    """Returns the document again; an empty one where nothing is stored."""
    return document(root_name, *_shown(json.loads(stored) if stored else ()))


def elements(stored: str) -> dict[str, str]:
    """Returns the document's elements by their names, where none of them comes twice."""
    nodes = json.loads(stored)
    return dict(zip((tag for tag, *_ in nodes), _shown(nodes), strict=True))


def _shown(nodes: Iterable[list[Any]]) -> Iterable[str]:
    for tag, content, *kind in nodes:
        shown = field(tag, content) if isinstance(content, str) else element(tag, *_shown(content))
        if kind:
            attribute = f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{kind[0]}"'
            shown = shown.replace(f"<{tag}", f"<{tag}{attribute}", 1)
        yield shown
