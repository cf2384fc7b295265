"""The row of the bucket that a call is about, read once and only where somebody asks for it."""

from __future__ import annotations

from s3portal.server.authority.facts import BucketFacts
from s3portal.server.storage import buckets
from s3portal.server.storage.records import FIRST_ACCOUNT, Bucket
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error


class BucketRow:
    """For one thread: that of the call. ``name`` is None for a call about no bucket."""

    def __init__(self, storage: Storage, name: str | None) -> None:
        self._storage = storage
        self._name = name
        self._found: Bucket | None = None
        self._is_read = name is None

    def find(self) -> Bucket | None:
        """Returns the bucket; None where there is none."""
        if not self._is_read:
            assert self._name is not None
            try:
                self._found = buckets.find(self._storage, self._name)
            except S3Error as missing:
                if missing.code != "NoSuchBucket":
                    raise
            self._is_read = True
        return self._found

    def require(self) -> Bucket:
        """Returns the bucket; raises NoSuchBucket."""
        found = self.find()
        if found is None:
            raise buckets.no_such_bucket(self._name or "")
        return found

    def forget(self) -> None:
        """The call has changed it: who asks from now on gets what is there then."""
        self._is_read, self._found = self._name is None, None

    @property
    def owner(self) -> str:
        """The account that owns the bucket, and so everything that comes to be in it.

        Where there is no bucket, the first one: the storage refuses what is put there.
        """
        found = self.find()
        return FIRST_ACCOUNT if found is None else found.owner

    def facts(self) -> BucketFacts | None:
        """Returns what a decision has to know of it."""
        found = self.find()
        return None if found is None else BucketFacts(found.name, found.owner, found.settings)
