"""What a browser asks before a request to another origin, and how it reads the answers. Pure.

Written from the Fetch Standard (https://fetch.spec.whatwg.org): "CORS-preflight fetch", "CORS check",
"CORS-safelisted request-header", "CORS non-wildcard request-header name", "CORS-exposed header-name list" and
"extract header list values".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Pairs as they came: a header may be there more than once.
Headers = Sequence[tuple[str, str]]

_SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
_NORMALISED_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
_SAFELISTED_ANSWER_HEADERS = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
_NON_WILDCARD = frozenset({"authorization"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE_BYTES = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_SIMPLE_RANGE = re.compile(r"bytes=[0-9]+-[0-9]*")
_SAFELISTED_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_MAX_VALUE_BYTES = 128
_MAX_SAFELISTED_BYTES = 1024


@dataclass(frozen=True)
class CrossOriginRequest:
    """A request that a script of a page of ``origin`` makes. ``with_credentials``: cookies go along, which
    the uploader never asks for; ``watched``: the script listens to upload progress, which asks for a
    preflight whatever the request is."""

    origin: str
    method: str
    headers: Headers = ()
    with_credentials: bool = False
    watched: bool = False

    @property
    def sent_method(self) -> str:
        """The method as it is sent: browsers write the common ones in capitals, and ``patch`` as it is."""
        capitals = self.method.upper()
        return capitals if capitals in _NORMALISED_METHODS else self.method

    @property
    def unsafe_header_names(self) -> list[str]:
        """The headers that have to be allowed, in small letters and sorted."""
        return sorted(set(_unsafe_names(self.headers)))

    @property
    def needs_preflight(self) -> bool:
        return self.watched or self.sent_method not in _SAFELISTED_METHODS or bool(self.unsafe_header_names)

    def preflight_headers(self) -> list[tuple[str, str]]:
        """The headers of the OPTIONS that goes before."""
        headers = [
            ("Accept", "*/*"),
            ("Origin", self.origin),
            ("Access-Control-Request-Method", self.sent_method),
        ]
        if names := self.unsafe_header_names:
            headers.append(("Access-Control-Request-Headers", ",".join(names)))
        return headers


def preflight_problem(request: CrossOriginRequest, status: int, answer: Headers) -> str | None:
    """Why the browser does not send the request after this answer to its preflight; None: it does."""
    if not 200 <= status <= 299:
        return f"the preflight is answered with status {status}"
    problem = cors_problem(request, answer)
    if problem is not None:
        return problem
    methods = _listed(answer, "access-control-allow-methods")
    names = _listed(answer, "access-control-allow-headers")
    if methods == _UNREADABLE:
        return "Access-Control-Allow-Methods is not a list of methods"
    if names == _UNREADABLE:
        return "Access-Control-Allow-Headers is not a list of headers"
    wildcard = not request.with_credentials
    method = request.sent_method
    if not (
        method in methods
        or method in _SAFELISTED_METHODS
        or (wildcard and "*" in methods)
        or (not methods and request.watched and _value(answer, "access-control-allow-methods") is None)
    ):
        return f"{method} is not among the allowed methods ({', '.join(methods) or 'none'})"
    allowed = {name.lower() for name in names}
    for name in request.unsafe_header_names:
        if name not in allowed and (name in _NON_WILDCARD or not (wildcard and "*" in allowed)):
            return f"the header {name} is not among the allowed headers ({', '.join(names) or 'none'})"
    return None


def cors_problem(request: CrossOriginRequest, answer: Headers) -> str | None:
    """Why a script may not read this answer; None: it may."""
    allowed = _value(answer, "access-control-allow-origin")
    if allowed is None:
        return "the answer has no Access-Control-Allow-Origin"
    if allowed == "*" and not request.with_credentials:
        return None
    if allowed != request.origin:
        return (
            f"Access-Control-Allow-Origin is {allowed}, but pages of this portal come from {request.origin}"
        )
    if request.with_credentials and _value(answer, "access-control-allow-credentials") != "true":
        return "Access-Control-Allow-Credentials is not true"
    return None


def hidden_headers(request: CrossOriginRequest, answer: Headers, wanted: Iterable[str]) -> list[str]:
    """Those of the ``wanted`` headers of the answer that a script does not get to see."""
    exposed = {name.lower() for name in _listed(answer, "access-control-expose-headers")}
    if "*" in exposed and not request.with_credentials:
        return []
    return [name for name in wanted if name.lower() not in exposed | _SAFELISTED_ANSWER_HEADERS]


def _unsafe_names(headers: Headers) -> Iterable[str]:
    safe: list[str] = []
    safe_bytes = 0
    for name, value in headers:
        if _is_safelisted(name.lower(), value):
            safe.append(name.lower())
            safe_bytes += len(value.encode())
        else:
            yield name.lower()
    if safe_bytes > _MAX_SAFELISTED_BYTES:
        yield from safe


def _is_safelisted(name: str, value: str) -> bool:
    if len(value.encode()) > _MAX_VALUE_BYTES:
        return False
    if name == "accept":
        return not _UNSAFE_BYTES.search(value)
    if name in ("accept-language", "content-language"):
        return bool(_LANGUAGE.fullmatch(value))
    if name == "content-type":
        essence = value.partition(";")[0].strip().lower()
        return not _UNSAFE_BYTES.search(value) and essence in _SAFELISTED_TYPES
    return name == "range" and _is_simple_range(value)


def _is_simple_range(value: str) -> bool:
    if not _SIMPLE_RANGE.fullmatch(value):
        return False
    first, _, last = value.removeprefix("bytes=").partition("-")
    return not last or int(first) <= int(last)


def _value(headers: Headers, wanted: str) -> str | None:
    """All values of a header, joined as a browser joins them; None where it is not there."""
    values = [value.strip(" \t") for name, value in headers if name.lower() == wanted]
    return ", ".join(values) if values else None


_UNREADABLE = ("",)


def _listed(headers: Headers, wanted: str) -> tuple[str, ...]:
    """The items of a header that is a list, ``()`` where it is not there, ``_UNREADABLE`` where it is no
    list. Empty items are allowed (RFC 9110, section 5.6.1)."""
    value = _value(headers, wanted)
    if value is None:
        return ()
    items = tuple(item for item in (item.strip(" \t") for item in value.split(",")) if item)
    return items if all(_TOKEN.fullmatch(item) for item in items) else _UNREADABLE
