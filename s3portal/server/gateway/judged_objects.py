"""The objects that a call's decisions are about: what was judged is what is then served or changed."""

from __future__ import annotations

from typing import Protocol

from s3portal.server.authority.facts import ObjectFacts
from s3portal.server.storage import objects, versions
from s3portal.server.storage.storage import Storage
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import stored_tags


class Judged(Protocol):
    """What decisions can depend on: ``owner`` is an account, ``acl`` and ``tags`` are JSON, None without."""

    @property
    def owner(self) -> str: ...
    @property
    def acl(self) -> str | None: ...
    @property
    def tags(self) -> str | None: ...


class JudgedAnother(S3Error):
    """What a call is about to act on is not what its decisions were made about: it was replaced meanwhile.
    The call has done nothing and is to be judged again."""

    def __init__(self) -> None:
        super().__init__("OperationAborted")


class JudgedObjects:
    """For one thread: that of the call. Each object is looked at once, and only where a policy or an ACL
    asks. ``version_id`` None or '' means the current version."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._seen: dict[tuple[str, str, str | None], tuple[str, str | None, str | None] | None] = {}

    def facts(self, bucket: str, key: str, version_id: str | None) -> ObjectFacts | None:
        """Returns what is there; None for nothing, and for a delete marker."""
        place = (bucket, key, version_id or None)
        if place not in self._seen:
            self._seen[place] = _seen(self._find(*place))
        seen = self._seen[place]
        return None if seen is None else ObjectFacts(seen[0], seen[1], stored_tags(seen[2]))

    def act_on(self, bucket: str, key: str, version_id: str | None, found: Judged | None) -> None:
        """Says what the call acts on: None for nothing, and for a delete marker.

        Raises JudgedAnother where a decision was made about something that a policy or an ACL can tell from
        it. Decisions that come later are made about ``found``.
        """
        place, seen = (bucket, key, version_id or None), _seen(found)
        if self._seen.setdefault(place, seen) != seen:
            raise JudgedAnother

    def forget(self) -> None:
        """The call is judged again: by what is there now."""
        self._seen.clear()

    def _find(self, bucket: str, key: str, version_id: str | None) -> Judged | None:
        try:
            if version_id is None:
                return objects.find(self._storage, bucket, key)
            version = versions.find_version(self._storage, bucket, key, version_id)
        except S3Error as missing:
            if missing.code != "NoSuchBucket":
                raise
            return None
        return version.found if version else None


def _seen(found: Judged | None) -> tuple[str, str | None, str | None] | None:
    return None if found is None else (found.owner, found.acl, found.tags)
