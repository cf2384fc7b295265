"""Values in the documents of settings, checked by S3's schema: what does not fit is MalformedXML. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar
from xml.etree.ElementTree import Element

from s3portal.server.http.values import whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import refuse_unknown_children, text_of

# XML 1.0, section 2.3.
_WHITE_SPACE = " \t\r\n"
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
T = TypeVar("T")


def malformed() -> S3Error:
    return S3Error("MalformedXML")


def trimmed_text_of(parent: Element, name: str) -> str | None:
    """Returns the text of the child ``name`` without white space around it, None where there is none."""
    text = text_of(parent, name)
    return None if text is None else text.strip(_WHITE_SPACE)


def boolean_of(parent: Element, name: str) -> bool:
    """Returns an optional boolean, False where it is missing or empty."""
    text = trimmed_text_of(parent, name)
    if not text:
        return False
    if text.lower() not in _BOOLEANS:
        raise malformed()
    return _BOOLEANS[text.lower()]


def number_of(parent: Element, name: str) -> int | None:
    """Returns an optional whole number, which may be negative: whether it may be is the setting's rule."""
    text = trimmed_text_of(parent, name)
    if not text:
        return None
    number = whole_number(text.removeprefix("-"))
    if number is None:
        raise malformed()
    return -number if text.startswith("-") else number


def choice_of(parent: Element, name: str, choices: Collection[str]) -> str:
    """Returns a required value out of ``choices``."""
    text = trimmed_text_of(parent, name)
    if text not in choices:
        raise malformed()
    assert text is not None
    return text


def only_child(parent: Element, name: str) -> Element:
    """Returns the one child called ``name``; there must be exactly one."""
    children = parent.findall(name)
    if len(children) != 1:
        raise malformed()
    return children[0]


def at_most_one(parent: Element, *names: str) -> None:
    """Raises MalformedXML where a child that may come once comes twice."""
    if any(len(parent.findall(name)) > 1 for name in names):
        raise malformed()


def each_of(parent: Element, name: str, known: Sequence[str], read: Callable[[Element], T]) -> tuple[T, ...]:
    """Returns what ``read`` makes of every child called ``name``, none of which has unknown children."""
    nodes = parent.findall(name)
    for node in nodes:
        refuse_unknown_children(node, known)
    return tuple(read(node) for node in nodes)
