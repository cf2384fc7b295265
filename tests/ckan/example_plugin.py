"""An extension as others write them: it uses each method of `IS3Multipart` once.

Embargoed files stay with their publishers, programs are refused, a file that says it is broken is sent back,
maps are shown in the browser, raw data has a folder of its own, and a log is kept of what was attached and
removed.
"""

from __future__ import annotations

from dataclasses import replace

import ckan.plugins as p

from ckanext.s3multipart.interfaces import (
    Download,
    IS3Multipart,
    Refused,
    UploadedFile,
    WantedUpload,
)


class ExamplePlugin(p.SingletonPlugin):
    """The whole interface."""

    p.implements(IS3Multipart, inherit=True)

    #: What it was called with, for the tests.
    calls: list[tuple[str, object]] = []
    #: Raised by the method of this name, as a mistake in the plugin would be.
    mistakes: dict[str, Exception] = {}

    def before_create(self, wanted: WantedUpload) -> None:
        self._called("before_create", wanted)
        if wanted.filename.endswith(".exe"):
            raise Refused("Programs are not accepted here. Publish the source instead.")

    def key_owner(self, wanted: WantedUpload) -> str | None:
        self._called("key_owner", wanted)
        return "raw-data/2026" if wanted.filename.endswith(".raw") else None

    def after_complete(self, file: UploadedFile) -> None:
        self._called("after_complete", file)
        if "broken" in file.filename:
            raise Refused(f"{file.filename} cannot be read. Export it again.")

    def after_attach(self, file: UploadedFile) -> None:
        self._called("after_attach", file)

    def before_download(self, download: Download) -> Download | None:
        self._called("before_download", download)
        if "embargo" in download.file.filename and not download.user:
            raise Refused("This file is under embargo until June. Ask its authors.")
        if download.file.filename.endswith(".pdf"):
            return replace(download, inline=True, filename="map.pdf", expires_s=10)
        return None

    def after_remove(self, file: UploadedFile) -> None:
        self._called("after_remove", file)

    def _called(self, method: str, argument: object) -> None:
        self.calls.append((method, argument))
        if method in self.mistakes:
            raise self.mistakes[method]

    def of(self, method: str) -> list:
        """The arguments of the calls of one method."""
        return [argument for name, argument in self.calls if name == method]


class OldPlugin(p.SingletonPlugin):
    """Written for a version of the interface that had one method, and without defaults."""

    p.implements(IS3Multipart)

    created: list[WantedUpload] = []

    def before_create(self, wanted: WantedUpload) -> None:
        self.created.append(wanted)
