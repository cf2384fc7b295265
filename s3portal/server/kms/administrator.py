"""Opens what is stored encrypted for those who run the server: to check it, and to copy it out."""

from __future__ import annotations

from s3portal.server.bucket_settings import encryption
from s3portal.server.kms.envelopes import DSSE, SSE_KMS, SSE_S3, ByKey, ByMasterKey, Wrapping, cipher_of
from s3portal.server.kms.key_errors import require_usable
from s3portal.server.kms.keys import Keys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError, SealBroken
from s3portal.server.kms.segments import SegmentBroken, SegmentCipher
from s3portal.server.storage.records import Bucket, Part
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.encryption_headers import (
    AES256,
    BUCKET_KEY,
    CONTEXT_ARN,
    ENCRYPTION,
    KEY_ID,
    KMS,
)
from s3portal.server.wire.errors import S3Error


class CannotOpen(OSError):
    """A part cannot be opened with the keys that are here."""


class AdministratorsKeys:
    """All keys of a folder; those of callers (SSE-C) are not among them."""

    def __init__(self, storage: Storage, master_key: MasterKey, region: str = "us-east-1") -> None:
        self._master_key = master_key
        self._keys = Keys(storage, master_key, region, deletes=False)

    def open_part(self, part: Part) -> tuple[SegmentCipher, bytes]:
        """Returns what opens the segments of an encrypted part, and its data key.

        Raises CannotOpen, and SegmentBroken where the data key itself was changed."""
        try:
            return cipher_of(part, self._wrapping(part.key_id or ""))
        except SealBroken as problem:
            raise SegmentBroken("its data key has been changed") from problem
        except (MasterKeyError, S3Error) as problem:
            raise CannotOpen(str(problem)) from problem

    def cipher_of(self, part: Part) -> SegmentCipher | None:
        """Returns what opens the segments of a part, None for one that is stored plain. Raises as
        ``open_part`` does."""
        return None if part.key_id is None else self.open_part(part)[0]

    def of_new_object(self, bucket: Bucket, key: str) -> tuple[dict[str, str], Wrapping | None]:
        """Returns the headers and the encryption that a bucket's default gives to an object; nothing and None
        where it was given no default.

        Raises NotFoundException, DisabledException and the like where the bucket's key cannot be used.
        """
        default = encryption.of_settings(bucket.settings)
        if default is None:
            return {}, None
        if default.algorithm == AES256:
            return {ENCRYPTION: AES256}, ByMasterKey(self._master_key)
        if default.kms_key_id:
            found = self._keys.find(default.kms_key_id, bucket.owner)
        else:
            found = self._keys.aws_managed(bucket.owner)
        require_usable(found)
        headers = {ENCRYPTION: default.algorithm, KEY_ID: found.arn}
        kind, arn = DSSE, f"arn:aws:s3:::{bucket.name}/{key}"
        if default.algorithm == KMS:
            kind = SSE_KMS
            if default.bucket_key_enabled:
                headers[BUCKET_KEY], arn = "true", f"arn:aws:s3:::{bucket.name}"
        return headers, ByKey(self._keys, kind, found, {CONTEXT_ARN: arn})

    def _wrapping(self, kind: str) -> Wrapping:
        if kind == SSE_S3:
            return ByMasterKey(self._master_key)
        if kind in (SSE_KMS, DSSE):
            return ByKey(self._keys, kind)
        raise CannotOpen("it is encrypted with a key of the caller's (SSE-C), which is not kept here")
