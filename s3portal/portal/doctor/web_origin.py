"""What a browser makes of an address: its origin, and whether a page may load from it. Pure.

Sources: HTML Standard, "Origins"; URL Standard, "Host serializing"; W3C Secure Contexts, "Is origin
potentially trustworthy?"; W3C Mixed Content, "A priori authenticated URL".
"""

import ipaddress
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OPAQUE = "null"


def serialised_origin(url: str) -> str:
    """The value of the ``Origin`` header that pages of this URL send: scheme and host in small letters, the
    host of a name beyond ASCII in Punycode, and no port that the scheme has anyway.

    >>> serialised_origin("https://Data.Example.org:443/about")
    'https://data.example.org'
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return _OPAQUE
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return _OPAQUE
    shown_port = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{_serialised_host(parts.hostname)}{shown_port}"


def is_on_this_computer(url: str) -> bool:
    """Whether the address means the computer that it is opened on, so that each visitor's leads elsewhere."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_trustworthy(url: str) -> bool:
    """Whether browsers take what comes from there for unaltered: https, and the computer itself."""
    return urlsplit(url).scheme == "https" or is_on_this_computer(url)


def is_blocked_as_mixed_content(page_url: str, target_url: str) -> bool:
    """Whether a browser refuses a script's request to ``target_url``, because the page came over https and
    the answer would not."""
    return urlsplit(page_url).scheme == "https" and not is_trustworthy(target_url)


def is_private(url: str) -> bool:
    """Whether the host is an address of a private network, or a name without a dot that only a network's own
    name server knows."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    address = _address(host)
    if address is not None:
        return address.is_private
    return "." not in host and not is_on_this_computer(url)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _serialised_host(host: str) -> str:
    address = _address(host)
    if address is not None:
        return f"[{address.compressed}]" if address.version == 6 else str(address)
    try:
        return host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        return host
