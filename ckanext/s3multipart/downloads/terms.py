"""How a file is given to a reader who may see it: what the site says, as other extensions leave it."""

from dataclasses import dataclass, replace

import ckan.plugins.toolkit as tk
from flask import request

from ckanext.s3multipart.downloads.presentation import Presentation
from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.extending.plugin_calls import before_download
from ckanext.s3multipart.interfaces import Download
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import transfer_settings
from s3portal.transfer import is_active_type, safe_content_type


@dataclass(frozen=True)
class Terms:
    """How the file presents itself, and how long an address of the store is valid."""

    shown: Presentation
    expires_s: int


def terms_of(row: UploadRow, shown: Presentation) -> Terms:
    """The terms of the download that is asked for now. Raises DownloadRefused, ExtensionFailed."""
    usual = Download(
        file=uploaded_file(row),
        user=str(tk.current_user.name or ""),
        method=request.method,
        filename=shown.filename,
        content_type=shown.content_type,
        inline=shown.inline,
        expires_s=transfer_settings().download_expires,
    )
    wanted = before_download(usual)
    if wanted == usual:
        return Terms(shown, usual.expires_s)
    return Terms(_presentation(shown, wanted), max(1, min(wanted.expires_s, usual.expires_s)))


def _presentation(shown: Presentation, wanted: Download) -> Presentation:
    """What would run in a browser is sent as the site has it, or made harmless and saved."""
    if wanted.content_type == shown.content_type and wanted.inline == shown.inline:
        return replace(shown, filename=wanted.filename)
    inline = wanted.inline and not is_active_type(wanted.content_type)
    return Presentation(wanted.filename, safe_content_type(wanted.content_type), inline, active=False)
