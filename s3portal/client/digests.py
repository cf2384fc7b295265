"""SHA-256 of a file and of the download behind a link: whether a reader gets the published file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import urllib3

from s3portal.client.connections import open_pool
from s3portal.client.errors import PortalError
from s3portal.client.local_file import BLOCK_SIZE_BYTES


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_SIZE_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_link(url: str, *, on_progress: Callable[[int], None] = lambda loaded_bytes: None) -> str:
    """The SHA-256, in hex, of what a reader gets at a link, redirects followed.

    ``on_progress`` hears how many bytes there are so far. Raises PortalError where the answer is no file.
    """
    digest = hashlib.sha256()
    try:
        response = open_pool(url).request("GET", url, preload_content=False, redirect=True)
        if response.status != 200:
            raise PortalError("no_file", f"{url} answered {response.status}", status=response.status)
        loaded_bytes = 0
        for block in response.stream(BLOCK_SIZE_BYTES):
            digest.update(block)
            loaded_bytes += len(block)
            on_progress(loaded_bytes)
    except urllib3.exceptions.HTTPError as error:
        raise PortalError("unreachable", f"{url}: {error}") from error
    return digest.hexdigest()
