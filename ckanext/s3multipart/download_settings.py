"""The settings of downloads: by which way files reach readers, for how long, and what a browser may show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from s3portal.transfer import BOOLEAN, WORDS, choice, is_active_type, setting

REDIRECT = "redirect"
NGINX = "nginx"
PROXY = "proxy"

#: The ways by which files come from the portal's own address.
UNDER_THE_PORTAL = (NGINX, PROXY)

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+*?-]+/[A-Za-z0-9!#$&^_.+*?-]+")


@dataclass(frozen=True, kw_only=True)
class DownloadSettings:
    """How files reach readers. "" means not set."""

    download_mode: str = setting(
        choice(REDIRECT, NGINX, PROXY),
        "how files reach readers: by a redirect to the store, through nginx, or through the portal (proxy)",
        REDIRECT,
    )
    inline_types: tuple[str, ...] = setting(
        WORDS,
        "the content types that a browser may show instead of saving the file, as in application/pdf image/*",
        (),
    )
    force_download_active: bool = setting(
        BOOLEAN,
        "whether files that a browser would run, such as HTML, SVG and XML, are always saved and never shown",
        True,
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not go together: ``(name, problem)``."""
        for pattern in self.inline_types:
            if not _MEDIA_TYPE.fullmatch(pattern):
                yield (
                    "inline_types",
                    f"has {pattern}, which is no content type: write it as in application/pdf or image/*",
                )
            elif self.force_download_active and is_active_type(pattern):
                yield (
                    "inline_types",
                    f"has {pattern}, which browsers run: it is never shown while force_download_active is on",
                )
        if not self.force_download_active and self.download_mode in UNDER_THE_PORTAL:
            yield (
                "force_download_active",
                f"is off, but with download_mode = {self.download_mode} scripts in files would run with the"
                " rights of the portal's own pages",
            )
