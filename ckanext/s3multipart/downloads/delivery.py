"""By which way a file reaches the reader who may have it: ``download_mode`` says it."""

from flask import Response, redirect, request

from ckanext.s3multipart.download_settings import CLOUDFRONT, NGINX, PROXY, PUBLIC, UNDER_THE_PORTAL
from ckanext.s3multipart.downloads.cloudfront_ways import is_for_cloudfront, sent_to_cloudfront
from ckanext.s3multipart.downloads.download_proxy import passed_through
from ckanext.s3multipart.downloads.file_check import FileState
from ckanext.s3multipart.downloads.invalidation import address_of
from ckanext.s3multipart.downloads.nginx import handed_to_nginx
from ckanext.s3multipart.downloads.presentation import Presentation, presentation_of
from ckanext.s3multipart.downloads.public_files import is_published
from ckanext.s3multipart.downloads.terms import Terms
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import (
    download_settings,
    internal_store,
    portal_settings,
    portal_store,
)
from s3portal.transfer import Store, presign_get


def passes_through() -> bool:
    """Whether the portal itself sends the bytes of the file that is asked for."""
    mode = download_settings().download_mode
    # nginx, too, fetches the file without the header.
    is_refused_by_store = bool(request.headers.get("Authorization")) and mode != NGINX
    return mode == PROXY or (is_refused_by_store and portal_settings().proxy_token_downloads)


def presentation(row: UploadRow) -> Presentation:
    """How the file that is asked for presents itself."""
    settings = download_settings()
    under_the_portal = settings.download_mode in UNDER_THE_PORTAL or passes_through()
    return presentation_of(row, settings, under_the_portal=under_the_portal)


def delivered(row: UploadRow, state: FileState, terms: Terms) -> Response:
    """The answer to a GET by someone who may have the file. Raises StoreUnavailable, StoreFailed."""
    if passes_through():
        return passed_through(portal_store(), row.as_upload(), terms.shown, state.last_modified)
    mode = download_settings().download_mode
    if mode == NGINX:
        store = internal_store()
        return handed_to_nginx(store, _presigned(store, row, terms))
    # Where an extension wants other headers, they have to be in the address.
    if mode == PUBLIC and is_published(row) and terms.shown == presentation(row):
        return redirect(address_of(row.key), 302)  # type: ignore[return-value]
    if mode == CLOUDFRONT and is_for_cloudfront(row):
        return sent_to_cloudfront(row, terms.shown, terms.expires_s)
    return redirect(_presigned(portal_store(), row, terms), 302)  # type: ignore[return-value]


def _presigned(store: Store, row: UploadRow, terms: Terms) -> str:
    shown = terms.shown
    return presign_get(
        store,
        row.key,
        filename=shown.filename,
        content_type=shown.content_type,
        expires_s=terms.expires_s,
        # Exactly the bytes that were verified, even if the key is written again.
        version_id=row.version_id,
        inline=shown.inline,
        active=shown.active,
    )
