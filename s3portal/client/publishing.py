"""Publishes a file to a dataset, and fetches a link to see what a reader gets."""

from __future__ import annotations

import hashlib
import mimetypes
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import urllib3

from s3portal.client.ckan import CkanPortal, PortalError
from s3portal.client.sending import PartSender

_BLOCK_SIZE_BYTES = 1024 * 1024


def publish_file(
    portal: CkanPortal,
    path: Path,
    *,
    dataset: str,
    on_progress: Callable[[int], None] = lambda byte_count: None,
) -> str:
    """Uploads the file and makes it a new resource of the dataset; returns the persistent link.

    `on_progress` hears numbers of bytes from several threads, one at a time (below 0: sent in vain).
    Raises PortalError or SendingFailed; then the upload is aborted, and nothing of it stays.
    """
    upload, first_batch = portal.create_upload(
        dataset=dataset,
        filename=path.name,
        size_bytes=path.stat().st_size,
        content_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        idempotency_key=str(uuid.uuid4()),
    )
    try:
        PartSender(portal, upload, path, on_progress).send_all(first_batch)
        portal.complete_upload(upload.id)
        return portal.attach(upload.id, dataset=dataset, name=path.name)
    except BaseException:
        # What went wrong first is what counts.
        with suppress(PortalError):
            portal.abort_upload(upload.id)
        raise


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_SIZE_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_link(url: str, *, on_progress: Callable[[int], None] = lambda byte_count: None) -> str:
    """The SHA-256, in hex, of what a reader gets at a link, redirects followed.

    Raises PortalError where the answer is no file.
    """
    digest = hashlib.sha256()
    try:
        response = urllib3.PoolManager().request("GET", url, preload_content=False, redirect=True)
        if response.status != 200:
            raise PortalError("no_file", f"{url} answered {response.status}")
        for block in response.stream(_BLOCK_SIZE_BYTES):
            digest.update(block)
            on_progress(len(block))
    except urllib3.exceptions.HTTPError as error:
        raise PortalError("unreachable", f"{url}: {error}") from error
    return digest.hexdigest()
