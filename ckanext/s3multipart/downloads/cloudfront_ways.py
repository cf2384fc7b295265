"""Sending a reader on to CloudFront: by a signed address, or with a cookie for the files of the dataset."""

from urllib.parse import urlsplit

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Response, redirect, request

from ckanext.s3multipart.download_settings import DownloadSettings
from ckanext.s3multipart.downloads.cloudfront import FolderCookies, folder_cookies, plain_url, signed_url
from ckanext.s3multipart.downloads.presentation import Presentation
from ckanext.s3multipart.downloads.public_keys import is_own_key
from ckanext.s3multipart.extending.plugin_calls import implementations
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import download_settings, transfer_settings
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from ckanext.s3multipart.uploads.session_model import adoption_of, grant_of_upload
from s3portal.transfer import StoreMisconfigured, ids_of_key

#: Of so many other files of a dataset it is looked up whether the reader may see them, for a cookie.
_MOST_FILES = 200


def is_for_cloudfront(row: UploadRow) -> bool:
    """Whether nobody but the portal could write this object, and say in its headers what it is. Others are
    presigned at the store, where the portal's own headers and the version that it verified count."""
    if not is_own_key(row.key):
        return False
    adoption, grant = adoption_of(row.id), grant_of_upload(row.id)
    is_where_it_was_found = adoption is not None and adoption.source_key == row.key
    is_written_by_others = grant is not None and grant.prefix == row.key and not grant.parts_only
    return not is_where_it_was_found and not is_written_by_others


def sent_to_cloudfront(row: UploadRow, shown: Presentation, expires_s: int) -> Response:
    """The redirect to the file. Raises StoreMisconfigured where the key cannot be used."""
    settings = download_settings()
    try:
        cookies = _cookies(settings, row, expires_s)
        if cookies is None:
            return redirect(signed_url(settings, row.key, shown, row.version_id, expires_s), 302)  # type: ignore[return-value]
    except (OSError, ValueError, TypeError, ImportError) as error:
        raise StoreMisconfigured(operation="SignForCloudFront", cause=str(error)) from error
    response = redirect(plain_url(settings, row.key), 302)
    for name, value in cookies.values.items():
        response.set_cookie(
            name,
            value,
            max_age=cookies.expires_s,
            path=cookies.path,
            domain=common_domain(settings),
            secure=settings.download_domain.startswith("https:"),
            httponly=True,
            samesite="Lax",
        )
    return response  # type: ignore[return-value]


def common_domain(settings: DownloadSettings) -> str:
    """The domain for whose hosts a cookie of the portal can be that the download domain gets too, "" for
    none."""
    hosts = (tk.config["ckan.site_url"], settings.download_domain)
    ours, theirs = ((urlsplit(each).hostname or "").split(".")[::-1] for each in hosts)
    common = []
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        common.append(one)
    # Numbers are the host of an address, and a single label is a top-level domain.
    is_domain = len(common) > 1 and not common[0].isdigit()
    return ".".join(reversed(common)) if is_domain else ""


def _cookies(settings: DownloadSettings, row: UploadRow, expires_s: int) -> FolderCookies | None:
    """Cookies for the dataset's folder; None where the browser would not bring them along, or where the
    folder has anything that the reader may not see, or that another extension decides about file by file."""
    if implementations("before_download"):
        return None
    ids = ids_of_key(transfer_settings().s3_prefix, row.key)
    wanted = settings.cloudfront_cookies and _brings_cookies() and bool(common_domain(settings))
    if not wanted or ids is None or not _may_see_all(ids.dataset_id):
        return None
    folder = row.key.rsplit("/", 2)[0] + "/"
    return folder_cookies(settings, folder, expires_s)


def _brings_cookies() -> bool:
    """Whether it is a browser that sends a cookie of this site after the redirect (Fetch Metadata; cookies
    are SameSite=Lax). Programs and scripts of other sites do not."""
    if request.headers.get("Sec-Fetch-Site") in ("same-origin", "same-site", "none"):
        return True
    mode, destination = (request.headers.get(f"Sec-Fetch-{name}") for name in ("Mode", "Dest"))
    return mode == "navigate" and destination == "document"


def _may_see_all(dataset_id: str) -> bool:
    """Whether the reader may see every file whose key is below the dataset's: plugins restrict single
    resources, a resource that was moved to another dataset leaves its file where it was, and what is being
    uploaded or inspected is for nobody yet."""
    gone = (RowState.REMOVED, RowState.ABORTED)
    rows = (
        model.Session.query(UploadRow.resource_id, UploadRow.state)
        .filter(UploadRow.owner_id == dataset_id, UploadRow.state.notin_(gone))
        .limit(_MOST_FILES + 1)
        .all()
    )
    if len(rows) > _MOST_FILES or any(row.state not in PUBLISHED for row in rows):
        return False
    return all(_may_see(row.resource_id) for row in rows)


def _may_see(resource_id: str) -> bool:
    try:
        tk.get_action("resource_show")({"user": tk.current_user.name}, {"id": resource_id})
    except (tk.ObjectNotFound, tk.NotAuthorized):
        return False
    return True
