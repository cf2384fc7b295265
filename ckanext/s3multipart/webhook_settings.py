"""Settings of webhooks."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from s3portal.transfer import SECONDS, Kind, setting

#: Standard Webhooks, "Symmetric" signatures: the prefix of a secret, and how many bytes it may have.
SECRET_PREFIX = "whsec_"  # noqa: S105  (the beginning of each, and no secret)
_SECRET_BYTES = range(24, 65)
_HOW = "write whsec_ and 24 to 64 random bytes in Base64, as from: echo whsec_$(openssl rand -base64 32)"


def _urls(text: str) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(text.split()))
    for number, url in enumerate(urls, 1):
        which = f" (number {number} of {len(urls)})" if len(urls) > 1 else ""
        parts = urlsplit(url)
        try:
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number
            usable = False
        if parts.username is not None:
            raise ValueError(
                f"has a URL with a user or password{which}, which would not be sent: receivers know the"
                " portal by its signature; if one wants a token, write it into the path or the query"
            )
        if not usable or parts.fragment:
            raise ValueError(
                f"has something that is no URL{which}: write them as in https://hooks.example.org/files"
            )
    return urls


def _secrets(text: str) -> tuple[str, ...]:
    if "," in text:
        raise ValueError("has a comma: separate several secrets by spaces")
    secrets = tuple(text.split())
    for secret in secrets:
        try:
            decoded = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            decoded = b""
        if not secret.startswith(SECRET_PREFIX) or len(decoded) not in _SECRET_BYTES:
            raise ValueError(f"is no secret of webhooks: {_HOW}")
    return secrets


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """Who is told over HTTP what happens to files."""

    webhooks: tuple[str, ...] = setting(
        Kind("words", _urls),
        "the URLs that are told when files are uploaded, attached, replaced, removed or found infected",
        (),
        # Tokens stand in them, and passwords by mistake.
        secret=True,
    )
    webhook_secret: tuple[str, ...] = setting(
        Kind("words", _secrets),
        "what webhooks are signed with: `whsec_` and 24 to 64 random bytes in Base64; several while it is"
        " replaced, the new one first",
        (),
        secret=True,
    )
    webhook_give_up: int = setting(
        SECONDS,
        "how long an event is sent again to a webhook that fails, from when it happened",
        3 * 24 * 3600,
        minimum=60,
        maximum=30 * 24 * 3600,
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not go together: ``(name, problem)``."""
        if self.webhooks and not self.webhook_secret:
            yield "webhook_secret", f"is missing, so receivers could not know who called: {_HOW}"
