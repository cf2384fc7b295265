"""How a file is given to a reader who may see it: what CKAN says, as other extensions leave it."""

from dataclasses import replace

import ckan.plugins.toolkit as tk
from flask import request

from ckanext.s3multipart.extending.described_files import uploaded_file
from ckanext.s3multipart.extending.plugin_calls import before_download
from ckanext.s3multipart.interfaces import Download
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import transfer_settings


def terms_of(row: UploadRow) -> Download:
    """The terms of the download that is asked for now. Raises DownloadRefused, ExtensionFailed."""
    usual = Download(
        file=uploaded_file(row),
        user=str(tk.current_user.name or ""),
        method=request.method,
        filename=row.filename,
        content_type=row.content_type,
        inline=False,
        expires_s=transfer_settings().download_expires,
    )
    wanted = before_download(usual)
    # Which file it is, and for how long at most, is not for others to say.
    return replace(wanted, file=usual.file, expires_s=max(1, min(wanted.expires_s, usual.expires_s)))
