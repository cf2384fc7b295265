"""Pages of the server's own front end: they may read what it answers, whatever a bucket's CORS rules say.

They send what their user's signature covers, and nothing by cookies, so that no other page gains by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from s3portal.server.bucket_settings.cors import METHODS, CorsRule

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXPOSED = (
    *("ETag", "Retry-After", "x-amz-request-id", "x-amz-version-id"),
    *("x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c", "x-amz-checksum-crc32"),
)
_MAX_AGE_S = 600


@dataclass(frozen=True)
class OwnPages:
    """The front end listens on ``port`` of whatever this server is called; it is also at ``origins``."""

    port: int | None = None
    origins: frozenset[str] = frozenset()

    def rule_for(self, headers: Mapping[str, str]) -> CorsRule | None:
        """Returns the rule for a page of the front end, None for every other page."""
        origin = headers.get("origin")
        if not origin or not (origin in self.origins or self._is_beside(origin, headers.get("host", ""))):
            return None
        return CorsRule((origin,), METHODS, ("*",), _EXPOSED, _MAX_AGE_S)

    def _is_beside(self, origin: str, host: str) -> bool:
        if self.port is None:
            return False
        try:
            page, here = urlsplit(origin), urlsplit(f"//{host}")
            port = page.port or _DEFAULT_PORTS.get(page.scheme)
        except ValueError:
            return False
        return port == self.port and page.hostname is not None and page.hostname == here.hostname


NO_PAGES = OwnPages()
