"""What a portal says of a dataset before a file is uploaded to it, in one call where the portal can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3portal.client.ckan import CkanPortal
from s3portal.client.errors import PortalError
from s3portal.client.portal_uploads import PortalUpload, read_unfinished


class DatasetOverview:
    """The caller's unfinished uploads to the dataset, the files that it has, and its resources.

    Portals of earlier versions are asked one by one, and so are those that refuse: the refusal that counts is
    that of the call that is needed. Raises PortalError.
    """

    def __init__(self, portal: CkanPortal, dataset: str) -> None:
        self._portal, self._dataset = portal, dataset
        self._said: Mapping[str, list[dict[str, Any]]] | None = None
        try:
            self._said = portal.call("s3multipart_upload_overview", owner=dataset)
        except PortalError as error:
            if error.code != "no_s3multipart" and error.status not in (401, 403, 404, 422):
                raise

    def unfinished_uploads(self) -> list[PortalUpload]:
        """As `CkanPortal.unfinished_uploads`."""
        if self._said is None:
            return self._portal.unfinished_uploads(self._dataset)
        return read_unfinished(self._said["uploads"])

    def published_files(self) -> list[dict[str, Any]]:
        """As `CkanPortal.published_files`."""
        return self._portal.published_files(self._dataset) if self._said is None else self._said["files"]

    def resources(self) -> list[dict[str, Any]]:
        """The resources, each with its id and name at least."""
        return self._portal.resources(self._dataset) if self._said is None else self._said["resources"]
