"""Whether the policy of a page lets its scripts send to an address. Pure.

Written from Content Security Policy Level 3: "connect-src", "Does url match source list in origin with
redirect count?" and what it refers to.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from s3portal.portal.doctor.web_origin import serialised_origin

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SCHEME_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST_SOURCE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?"
    r"(?P<host>\*|(?:\*\.)?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]+|\*))?"
    r"(?P<path>/[^?#]*)?"
)


def forbidding_directive(policies: Sequence[str], page_url: str, url: str) -> str | None:
    """The directive that forbids scripts of the page to send to ``url``; None where all policies allow it.

    ``policies`` are the values of the page's Content-Security-Policy headers, each of which counts.
    """
    for policy in (part for value in policies for part in value.split(",")):
        directive = _connect_directive(policy)
        if directive is not None and not _allows(directive.split()[1:], page_url, url):
            return directive
    return None


def _connect_directive(policy: str) -> str | None:
    """What the policy says of connections. Of two directives of one name the first counts."""
    directives: dict[str, str] = {}
    for directive in filter(None, (part.strip() for part in policy.split(";"))):
        directives.setdefault(directive.split()[0].lower(), directive)
    return directives.get("connect-src") or directives.get("default-src")


def _allows(sources: Sequence[str], page_url: str, url: str) -> bool:
    return any(_matches(source, page_url, url) for source in sources)


def _matches(source: str, page_url: str, url: str) -> bool:
    scheme = urlsplit(url).scheme
    if source == "*":
        return scheme in _DEFAULT_PORTS
    if source.lower() == "'self'":
        return any(serialised_origin(each) == serialised_origin(url) for each in _upgrades(page_url))
    if _SCHEME_SOURCE.fullmatch(source):
        return _scheme_matches(source[:-1].lower(), scheme)
    host_source = _HOST_SOURCE.fullmatch(source)
    return host_source is not None and _host_source_matches(host_source, page_url, url)


def _upgrades(page_url: str) -> Iterator[str]:
    yield page_url
    if page_url.startswith("http:"):
        yield page_url.replace("http:", "https:", 1)


def _scheme_matches(allowed: str, scheme: str) -> bool:
    return allowed == scheme or (allowed, scheme) in (("http", "https"), ("ws", "wss"), ("http", "wss"))


def _host_source_matches(source: re.Match[str], page_url: str, url: str) -> bool:
    parts = urlsplit(url)
    allowed_scheme = (source["scheme"] or urlsplit(page_url).scheme).lower()
    if not _scheme_matches(allowed_scheme, parts.scheme):
        return False
    host, allowed_host = parts.hostname or "", source["host"].lower().strip("[]")
    if allowed_host.startswith("*."):
        if not host.endswith(allowed_host[1:]):
            return False
    elif allowed_host not in ("*", host):
        return False
    return _port_matches(source["port"], url) and _path_matches(source["path"], parts.path)


def _port_matches(allowed: str | None, url: str) -> bool:
    parts = urlsplit(url)
    default_port = _DEFAULT_PORTS[parts.scheme]
    port = parts.port or default_port
    if allowed is None:
        return port == default_port
    # A source that names the port of http also stands for https on its own.
    return allowed == "*" or int(allowed) == port or (int(allowed) == 80 and port == default_port == 443)


def _path_matches(allowed: str | None, path: str) -> bool:
    if not allowed or allowed == "/":
        return True
    allowed, path = unquote(allowed), unquote(path)
    return path.startswith(allowed) if allowed.endswith("/") else path == allowed
