"""The object that a decision may be about: read once, and only where a policy or an ACL asks."""

from __future__ import annotations

from s3portal.server.authority.facts import ObjectFacts
from s3portal.server.storage import objects, versions
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import stored_tags


class ObjectRow:
    """For one thread: that of the call. ``version_id`` None or '' means the current version."""

    def __init__(self, storage: Storage, bucket: str, key: str, version_id: str | None) -> None:
        self._storage = storage
        self._place = (bucket, key)
        self._version_id = version_id
        self._found: ObjectFacts | None = None
        self._is_read = False

    def facts(self) -> ObjectFacts | None:
        """Returns what is there; None for nothing, and for a delete marker."""
        if not self._is_read:
            try:
                self._found = self._read()
            except S3Error as missing:
                if missing.code != "NoSuchBucket":
                    raise
            self._is_read = True
        return self._found

    def _read(self) -> ObjectFacts | None:
        if self._version_id:
            version = versions.find_version(self._storage, *self._place, self._version_id)
            found = version.found if version else None
        else:
            found = objects.find(self._storage, *self._place)
        return None if found is None else ObjectFacts(found.owner, found.acl, stored_tags(found.tags))
