"""Opens what is stored encrypted for those who run the server: to check it, and to copy it out."""

from __future__ import annotations

from s3portal.server.kms.envelopes import SSE_S3, ByMasterKey, Wrapping, cipher_of
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError, SealBroken
from s3portal.server.kms.segments import SegmentBroken, SegmentCipher
from s3portal.server.storage.records import Part
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error


class CannotOpen(OSError):
    """A part cannot be opened with the keys that are here."""


class AdministratorsKeys:
    """All keys of a folder; those of callers (SSE-C) are not among them."""

    def __init__(self, storage: Storage, master_key: MasterKey) -> None:
        self._storage, self._master_key = storage, master_key

    def open_part(self, part: Part) -> tuple[SegmentCipher, bytes]:
        """Returns what opens the segments of an encrypted part, and its data key.

        Raises CannotOpen, and SegmentBroken where the data key itself was changed."""
        try:
            return cipher_of(part, self._wrapping(part.key_id or ""))
        except SealBroken as problem:
            raise SegmentBroken("its data key has been changed") from problem
        except (MasterKeyError, S3Error) as problem:
            raise CannotOpen(str(problem)) from problem

    def _wrapping(self, kind: str) -> Wrapping:
        if kind == SSE_S3:
            return ByMasterKey(self._master_key)
        raise CannotOpen("it is encrypted with a key of the caller's (SSE-C), which is not kept here")
