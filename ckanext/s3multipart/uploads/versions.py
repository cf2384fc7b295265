"""The versions of a resource's file: the one that it has now, and earlier ones that are kept.

A version is an upload, and its id is the upload's. A resource that had none of our files has none.
"""

import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.errors import VersionIsCurrent, VersionNotFound
from ckanext.s3multipart.model import UploadRow, any_upload
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from ckanext.s3multipart.uploads.removal import mark
from s3portal.portal.protocol import can_be_kept

_ROWS = UploadRow.__table__
#: States of what was a file once.
_GOING = (RowState.REMOVING, RowState.REMOVED)


def published_version(resource_id: str, version_id: str) -> UploadRow:
    """The version, earlier or current. Raises VersionNotFound, also for one of another resource."""
    row = any_upload(version_id) if can_be_kept(version_id) else None
    if row is None or row.resource_id != resource_id or row.state not in PUBLISHED:
        raise VersionNotFound
    return row


def take_version(resource_id: object, version_id: str) -> UploadRow:
    """The same, locked until the transaction ends. Raises VersionNotFound."""
    row = any_upload(version_id, lock=True)
    if row is None or row.resource_id != resource_id or row.state not in PUBLISHED:
        raise VersionNotFound
    return row


def has_versions(resource_id: str) -> bool:
    """Whether the resource has a file of ours, or ever had one."""
    was_file = UploadRow.state.in_((*PUBLISHED, *_GOING))
    rows = model.Session.query(UploadRow.id).filter(UploadRow.resource_id == resource_id, was_file)
    return rows.first() is not None


def count_earlier_versions(resource_id: str) -> int:
    """How many earlier versions are kept of the resource's file."""
    rows = model.Session.query(UploadRow.id).filter_by(resource_id=resource_id, state=RowState.VERSION)
    return int(rows.count())


def versions_of(
    resource_ids: list[str], *, earlier_only: bool = False, after: int = 0, most: int | None = None
) -> list[tuple[UploadRow, model.User | None]]:
    """The versions of these resources with who uploaded them: the current one first, then those that were
    replaced last; without the first ``after`` of them, and at most this many."""
    states = (RowState.VERSION,) if earlier_only else PUBLISHED
    return list(
        model.Session.query(UploadRow, model.User)
        .outerjoin(model.User, model.User.id == UploadRow.user)
        .filter(UploadRow.resource_id.in_(resource_ids), UploadRow.state.in_(states))
        .order_by(UploadRow.state != RowState.ATTACHED, sa.desc(UploadRow.replaced_at), sa.desc(UploadRow.id))
        .populate_existing()
        .offset(after)
        .limit(most)
    )


def remove_version(resource_id: str, version_id: str) -> int:
    """Removes an earlier version at once; again: the same. Returns its size. Commits; what the store does not
    remove in time is left to the janitor.

    Raises VersionNotFound, VersionIsCurrent.
    """
    row = any_upload(version_id) if can_be_kept(version_id) else None
    if row is None or row.resource_id != resource_id or row.state not in (*PUBLISHED, *_GOING):
        raise VersionNotFound
    size_bytes = int(row.size_bytes)
    # One that is restored meanwhile is locked until it is the current file.
    if not mark((_ROWS.c.id == version_id) & (_ROWS.c.state == RowState.VERSION)):
        model.Session.refresh(row)
        if row.state not in _GOING:
            raise VersionIsCurrent
    model.Session.commit()
    return size_bytes
