"""The SHA-256 of a file, computed while its parts are sent in any order: it needs the bytes in theirs."""

from __future__ import annotations

import hashlib
import threading

from s3portal.client.errors import UploadFailed
from s3portal.client.local_file import LocalFile


class Sha256InBackground:
    """Reads the file from its beginning in a thread of its own, ahead of the line or soon after it."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._sha256 = ""
        self._failure: UploadFailed | None = None
        # An upload that fails does not wait for it.
        self._thread = threading.Thread(target=self._read, name="sha256", daemon=True)
        self._thread.start()

    def result(self) -> str:
        """Waits for it. Raises FileChanged and FileUnreadable."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._sha256

    def _read(self) -> None:
        digest = hashlib.sha256()
        try:
            for block in self._file.blocks():
                digest.update(block)
        except UploadFailed as failure:
            self._failure = failure
            return
        self._sha256 = digest.hexdigest()
