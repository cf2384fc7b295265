"""HTTP connections, through the proxy that the environment names, if any."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3


def open_pool(url: str, *, connections: int = 4) -> urllib3.PoolManager:
    """Connections to the host of this URL and wherever it is, as ``HTTP_PROXY``, ``HTTPS_PROXY`` and
    ``NO_PROXY`` say."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, maxsize=connections)
    return urllib3.PoolManager(maxsize=connections)
