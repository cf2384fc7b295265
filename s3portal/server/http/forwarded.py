"""What proxies say of a request: from where it came, how, and for which host. Only named ones are heard.

Pure. Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from s3portal.server.http.values import list_of

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Origin:
    """Where a request came from. ``host`` is what its sender called this server, None for what the Host
    header says; ``through_proxy`` whether a proxy has spoken for it."""

    address: str
    scheme: str
    host: str | None = None
    through_proxy: bool = False


def read_networks(texts: Iterable[str]) -> Networks:
    """Returns addresses and networks like 10.0.0.0/8; raises ValueError."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


def origin_of(address: str, scheme: str, headers: Mapping[str, str], proxies: Networks) -> Origin:
    """Returns where a request came from; ``address`` and ``scheme`` are those of its connection.

    Of X-Forwarded-For counts the last address that is not a named proxy's: what stands before it may be
    anybody's invention.
    """
    if not _is_among(address, proxies):
        return Origin(address, scheme)
    sender = address
    for hop in reversed(list_of(headers.get("x-forwarded-for"))):
        hop = _without_port(hop)
        if _address(hop) is None:
            break
        sender = hop
        if not _is_among(hop, proxies):
            break
    said = list_of(headers.get("x-forwarded-proto"))
    forwarded_scheme = said[-1].lower() if said else scheme
    hosts = list_of(headers.get("x-forwarded-host"))
    return Origin(
        sender,
        forwarded_scheme if forwarded_scheme in _SCHEMES else scheme,
        hosts[-1] if hosts else None,
        through_proxy=True,
    )


def _is_among(text: str, proxies: Networks) -> bool:
    address = _address(text)
    return address is not None and any(
        address.version == network.version and address in network for network in proxies
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    """Some write the port along: ``192.0.2.1:1234``, ``[2001:db8::1]:1234``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
