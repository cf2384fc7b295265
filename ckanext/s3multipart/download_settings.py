"""The settings of downloads: by which way files reach readers, for how long, and what a browser may show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ckanext.s3multipart.cloudfront_key import private_key_problem
from s3portal.transfer import BOOLEAN, TEXT, URL, WORDS, choice, is_active_type, setting

REDIRECT = "redirect"
NGINX = "nginx"
PROXY = "proxy"
PUBLIC = "public"
CLOUDFRONT = "cloudfront"

#: The folder below ``s3_prefix`` that everybody may read with `PUBLIC`: no other key begins with it.
PUBLIC_FOLDER = "public"

#: The ways by which files come from the portal's own address.
UNDER_THE_PORTAL = (NGINX, PROXY)

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+*?-]+/[A-Za-z0-9!#$&^_.+*?-]+")


@dataclass(frozen=True, kw_only=True)
class DownloadSettings:
    """How files reach readers. "" means not set."""

    download_mode: str = setting(
        choice(REDIRECT, NGINX, PROXY, PUBLIC, CLOUDFRONT),
        "how files reach readers: `redirect`, by a redirect to the store; `nginx`, through nginx; "
        "`proxy`, through the portal; `public`, by a redirect to an address without a signature "
        "where the dataset is public; `cloudfront`, by a redirect to CloudFront",
        REDIRECT,
    )
    download_domain: str = setting(
        URL,
        "the address from which readers get files with `download_mode = cloudfront` or `public`. "
        "Empty is the store's own, with `public`",
        "",
    )
    download_domain_cached: bool = setting(
        BOOLEAN,
        "whether a cache such as CloudFront is behind `download_domain` with `download_mode = "
        "public`; `false` if it leads straight to the bucket",
        True,
    )
    cloudfront_distribution: str = setting(
        TEXT, "the id of the CloudFront distribution that is to forget files before they turn private", ""
    )
    cloudfront_key_id: str = setting(
        TEXT, "the id of the public key by which CloudFront checks signatures", ""
    )
    cloudfront_private_key: str = setting(
        TEXT, "the file with the private key that belongs to `cloudfront_key_id`, in PEM format", ""
    )
    cloudfront_cookies: bool = setting(
        BOOLEAN,
        "whether browsers get a cookie for the files of one dataset instead of signed addresses",
        False,
    )
    inline_types: tuple[str, ...] = setting(
        WORDS,
        "the content types that a browser may show instead of saving the file; `*` stands for any characters",
        (),
    )
    force_download_active: bool = setting(
        BOOLEAN,
        "whether files that a browser would run, such as HTML, SVG and XML, are always saved and never shown",
        True,
    )

    cross_origin_downloads: bool = setting(
        BOOLEAN, "whether scripts of other sites may read the files of public datasets by their links", True
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not go together: ``(name, problem)``."""
        if self.download_mode == CLOUDFRONT:
            for name in ("download_domain", "cloudfront_key_id", "cloudfront_private_key"):
                if not getattr(self, name):
                    yield name, "is missing: download_mode = cloudfront needs it"
        elif self.cloudfront_cookies:
            yield "cloudfront_cookies", "is on, but only download_mode = cloudfront has cookies"
        if self.cloudfront_private_key and (problem := private_key_problem(self.cloudfront_private_key)):
            yield "cloudfront_private_key", f"= {self.cloudfront_private_key} {problem}"
        yield from self._problems_of_types()

    def _problems_of_types(self) -> Iterator[tuple[str, str]]:
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
