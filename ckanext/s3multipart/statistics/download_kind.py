"""Which requests for a file are downloads: those of someone who wants to have it.

A page that shows the file (CKAN's views of images, videos, PDFs and texts, a picture in a text) fetches it by
the same link. Browsers say what for (Fetch Metadata Request Headers, ``Sec-Fetch-Dest``); programs say
nothing, and theirs are downloads.
"""

from flask import Request

from ckanext.s3multipart.statistics.robots import is_robot

#: Destinations of the Fetch standard that a page shows.
_SHOWN = frozenset({"audio", "embed", "frame", "iframe", "image", "object", "track", "video"})


def is_download(request: Request) -> bool:
    """Whether this request counts: no robot's, not what a page shows, nothing fetched in advance, and once
    for a client that fetches the file in ranges."""
    first_byte_wanted = request.range is None or request.range.ranges[0][0] == 0
    if is_robot(request.headers.get("User-Agent", "")):
        return False
    return first_byte_wanted and not _is_shown(request) and not _is_fetched_in_advance(request)


def _is_shown(request: Request) -> bool:
    destination = request.headers.get("Sec-Fetch-Dest", "")
    if destination in ("", "empty"):
        by_script_of_the_portal = (
            destination == "empty" and request.headers.get("Sec-Fetch-Site") == "same-origin"
        )
        return by_script_of_the_portal or _accepts_images_first(request)
    return destination in _SHOWN


def _accepts_images_first(request: Request) -> bool:
    """Browsers that are too old for Fetch Metadata ask for pictures so."""
    return request.headers.get("Accept", "").lstrip().lower().startswith("image/")


def _is_fetched_in_advance(request: Request) -> bool:
    names = ("Sec-Purpose", "Purpose", "X-Moz")
    return any(request.headers.get(name, "").lower().startswith("prefetch") for name in names)
