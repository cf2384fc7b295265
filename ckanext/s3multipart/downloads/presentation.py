"""How a file presents itself to a browser: its content type, and whether it is shown or saved."""

import fnmatch
from dataclasses import dataclass

from ckanext.s3multipart.download_settings import DownloadSettings
from ckanext.s3multipart.model import UploadRow
from s3portal.transfer import content_disposition, is_active_type, safe_content_type

#: Of what is served under the portal's own address nothing may run or be loaded, whatever the file is.
OWN_ORIGIN_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Presentation:
    """``content_type`` is as it is sent. ``active`` files are sent although browsers run them."""

    filename: str
    content_type: str
    inline: bool
    active: bool

    @property
    def disposition(self) -> str:
        """The Content-Disposition header."""
        return content_disposition(self.filename, inline=self.inline)


def presentation_of(
    row: UploadRow, settings: DownloadSettings, *, under_the_portal: bool = False
) -> Presentation:
    """How the file is sent. The portal's own address never has anything that runs, whatever is set."""
    media_type = safe_content_type(row.content_type, active=True).partition(";")[0]
    may_show = any(fnmatch.fnmatchcase(media_type, pattern.lower()) for pattern in settings.inline_types)
    is_active = is_active_type(row.content_type)
    if is_active and (under_the_portal or settings.force_download_active):
        may_show = False
    active = is_active and may_show
    return Presentation(row.filename, safe_content_type(row.content_type, active=active), may_show, active)
