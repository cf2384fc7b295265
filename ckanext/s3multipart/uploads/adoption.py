"""Taking files over: a file that others can write is copied to where only the portal can.

With versions, the version is pinned: whatever is written under its key later is another one. Without, the
file is copied within the store to a key that no credentials and no form reach. Until then its upload is
``adopting`` and cannot be attached. Small files are copied while the caller waits, larger ones by a
background job, and what no job does is done by the janitor. Every step may be repeated, and killed."""

import logging
import time
import uuid
from dataclasses import fields
from datetime import timedelta

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.interfaces import WantedUpload
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.scanning.quarantine import arrived
from ckanext.s3multipart.settings import portal_host, portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.upload_states import PUBLISHED, TRANSITIONS, RowState
from ckanext.s3multipart.uploads.keys import key_of
from ckanext.s3multipart.uploads.session_model import Adoption, grant_of_upload
from s3portal.transfer import (
    COMPLETE,
    LOOK,
    BeingTakenOver,
    ContentDiffers,
    CopySource,
    ListedUpload,
    SourceChanged,
    State,
    StoredObject,
    StoreError,
    StoreUnavailable,
    Upload,
    abort_listed,
    abort_upload,
    asking,
    copy_step,
    delete_object,
    require_stored,
)

log = logging.getLogger(__name__)

#: What a caller waits for, and what a background job does in one go (CKAN stops jobs after 180 s).
PATIENCE_S = 15.0
_JOB_S = 120.0
RETRY_AFTER_S = 15
#: Of what a listing finds: how many are looked at, and what is copied before the listing is answered.
_MOST_WAITING = 50
_SMALL_BYTES = 64 * 1024 * 1024
_SMALL_COPIED_WITHIN_S = 4.0
#: A process that copies claims the file for this long at a time; then another takes over from a killed one.
_LEASE = timedelta(minutes=5)
#: States in which an upload needs its object.
_KEPT = (RowState.QUARANTINED, RowState.COMPLETED, *PUBLISHED)
#: A job that was asked for and did nothing for so long is asked for again.
_QUEUED_FOR = timedelta(minutes=10)


def adopted_key(wanted: WantedUpload, upload_id: str) -> str:
    """A key in a folder of its own, which has never been given to anyone else. Raises ExtensionFailed."""
    return key_of(transfer_settings().s3_prefix, wanted, upload_id)


def _beside(upload: Upload) -> str:
    """A key like the upload's, in a folder of its own, which has never been given to anyone else."""
    folder, _, name = upload.key.rpartition("/")
    return f"{folder.rpartition('/')[0]}/{uuid.uuid4()}/{name}"


def pins(written: StoredObject) -> bool:
    """Whether this version of the object can be published where it is.

    Of each key one version only: an older one of two would be at the mercy of a lifecycle rule. And none that
    was encrypted in another way than the portal does it, since the key may be the writer's.
    """
    if written.version_id is None or not _encrypted_as_ours(written):
        return False
    return model.Session.query(UploadRow.id).filter_by(key=written.key).first() is None


def _encrypted_as_ours(written: StoredObject) -> bool:
    wanted = transfer_settings().s3_sse
    if not wanted.startswith("aws:kms"):
        return written.encryption in ("", "AES256") and written.encryption == (wanted or written.encryption)
    # ``aws:kms:`` and a key's id or ARN; any other key may be one that the writer can take away.
    key_id = wanted.removeprefix("aws:kms").removeprefix(":")
    encrypted = written.encryption.startswith("aws:kms")
    return encrypted and bool(key_id) and written.kms_key_id.endswith(key_id)


def as_recorded(completed: Upload) -> Upload:
    """What is recorded of an upload that the store has completed: that it is completed, or still to be copied
    because someone may hold keys that write to where it is. The caller records it and commits."""
    grant = grant_of_upload(completed.id)
    if completed.state != RowState.COMPLETED or grant is None or grant.parts_only or completed.version_id:
        return completed
    if completed.key != grant.prefix:
        # It was taken over before.
        return completed
    model.Session.merge(
        Adoption(
            upload_id=completed.id,
            grant_id=grant.id,
            source_key=completed.key,
            source_etag=completed.etag,
            source_modified_at=completed.updated_at.replace(microsecond=0),
        )
    )
    return completed.become(State.ADOPTING, key=_beside(completed), s3_upload_id="", etag=None)


def require_as_completed(row: UploadRow | None) -> bool:
    """Asks the store whether the file that is about to be attached is still the one that was verified;
    returns False where the store cannot be reached.

    That does not stop the save: no one else can have changed what is completed. Raises ObjectGone,
    ContentDiffers, StoreFailed.
    """
    if row is None or row.state not in (RowState.COMPLETED, RowState.VERSION):
        return True
    store = portal_store()
    try:
        with asking(store, LOOK):
            require_stored(store, row.as_upload())
    except StoreUnavailable as error:
        log.warning("Upload %s is attached without checking its object again: %s", row.id, error)
        return False
    return True


def require_taken_over(upload_id: str, user_id: str) -> None:
    """Copies the file as far as a caller wants to wait, and leaves the rest to the background.

    Raises BeingTakenOver while it is not done.
    """
    with asking(portal_store(), COMPLETE, user=user_id):
        if take_over(upload_id, PATIENCE_S):
            return
    enqueue(upload_id)
    raise BeingTakenOver(retry_after_s=RETRY_AFTER_S)


def take_over_small(user_id: str, dataset_id: str) -> None:
    """Copies what is small of what this user's uploads wait for, until the caller's deadline, and leaves the
    rest to the background. Raises StoreUnavailable, StoreFailed."""
    waiting = model.Session.query(UploadRow.id, UploadRow.size_bytes).filter_by(
        user=user_id, state=RowState.ADOPTING
    )
    if dataset_id:
        waiting = waiting.filter(UploadRow.owner_id == dataset_id)
    uploads = waiting.order_by(UploadRow.created_at).limit(_MOST_WAITING).all()
    model.Session.commit()
    store, ends_at = portal_store(), time.monotonic() + _SMALL_COPIED_WITHIN_S
    for upload in uploads:
        if upload.size_bytes > _SMALL_BYTES or time.monotonic() > ends_at:
            enqueue(upload.id)
            continue
        with asking(store, user=user_id):
            take_over(upload.id, PATIENCE_S)


def take_over(upload_id: str, patience_s: float) -> bool:
    """Copies, for so many seconds or until it is done; returns whether nothing is left to do.

    Returns False at once where another process is copying. Raises StoreUnavailable, StoreFailed.
    """
    claimed = _claim(upload_id)
    if claimed is None:
        return _state(upload_id) != RowState.ADOPTING
    source, target, metadata = claimed
    ends_at = time.monotonic() + patience_s

    def keep_going() -> bool:
        return time.monotonic() < ends_at and _renew_lease(upload_id)

    try:
        while True:
            before = target
            target = copy_step(portal_store(), source, target, metadata=metadata, keep_going=keep_going)
            if target.state == RowState.COMPLETED:
                return _finish(target)
            if target.s3_upload_id == before.s3_upload_id:
                return False
            if not _save_if_adopting(target):
                _discard(target)
                return True
    except (SourceChanged, ContentDiffers) as refusal:
        log.warning("Upload %s is not taken over: %s", upload_id, refusal)
        _give_up(target)
        return True
    finally:
        _release_lease(upload_id)


def enqueue(upload_id: str) -> None:
    """Asks for a background job, unless one was asked for just now. Without Redis the janitor does it."""
    adoptions = Adoption.__table__
    asked = model.Session.execute(
        adoptions.update()
        .where(
            adoptions.c.upload_id == upload_id,
            sa.or_(adoptions.c.queued_at.is_(None), adoptions.c.queued_at < now() - _QUEUED_FOR),
        )
        .values(queued_at=now())
    )
    model.Session.commit()
    if not asked.rowcount:
        return
    _enqueue_job(upload_id)


def continue_in_background(upload_id: str) -> None:
    """The background job: copies for two minutes, and asks for another job where more is left."""
    try:
        if not take_over(upload_id, _JOB_S) and _is_left(upload_id):
            _enqueue_job(upload_id)
    except StoreError as error:
        log.warning("Upload %s will be taken over later: %s", upload_id, error)


def _enqueue_job(upload_id: str) -> None:
    try:
        tk.enqueue_job(continue_in_background, [upload_id], title=f"s3multipart: take over {upload_id}")
    except Exception as error:  # noqa: BLE001  # whatever Redis and its clients raise
        log.warning("No background job for upload %s, the janitor takes it over: %s", upload_id, error)


def _claim(upload_id: str) -> tuple[CopySource, Upload, dict[str, str]] | None:
    """What to copy, and where to, if this process is the one to do it."""
    adoptions = Adoption.__table__
    free = sa.or_(adoptions.c.lease_until.is_(None), adoptions.c.lease_until < now())
    claimed = model.Session.execute(
        adoptions.update()
        .where(adoptions.c.upload_id == upload_id, free)
        .values(lease_until=now() + _LEASE)
        .returning(adoptions.c.source_key, adoptions.c.source_etag, adoptions.c.source_version_id)
    ).first()
    row = model.Session.get(UploadRow, upload_id, populate_existing=True)
    if claimed is None or row is None or row.state != RowState.ADOPTING:
        model.Session.rollback()
        return None
    target, resource_id = row.as_upload(), row.resource_id
    model.Session.commit()
    source = CopySource(claimed.source_key, claimed.source_etag, target.size_bytes, claimed.source_version_id)
    metadata = {
        "portal": portal_host(),
        "user": target.user if portal_settings().user_in_metadata else "",
        "dataset": target.owner_id,
        "resource": resource_id,
        "filename": target.filename,
    }
    return source, target, metadata


def _finish(target: Upload) -> bool:
    """Records the copy, or removes it if it is no longer needed."""
    if not _save_if_adopting(target):
        _discard(target)
    return True


def _give_up(target: Upload) -> None:
    """The file is gone or has changed, so the partial copy is removed."""
    _discard(target)
    _save_if_adopting(target.become(State.ABORTED))


def _discard(target: Upload) -> None:
    """Removes what this process copied, and nothing else: while it was kept waiting for longer than its lease
    lasts, another one may have copied the same file to the same key, and that copy may be published."""
    row = model.Session.get(UploadRow, target.id, populate_existing=True)
    is_kept = row is not None and row.state in _KEPT and row.key == target.key
    kept_version_id = row.version_id if is_kept else None
    model.Session.commit()
    if not is_kept:
        abort_upload(portal_store(), target)
        return
    if target.s3_upload_id:
        # Where it is the other one's too, it was completed, and is no longer known.
        abort_listed(portal_store(), ListedUpload(target.key, target.s3_upload_id, target.created_at))
    if target.version_id and target.version_id != kept_version_id:
        delete_object(portal_store(), target.key, target.version_id)


def _save_if_adopting(upload: Upload) -> bool:
    """Writes the upload into its row, unless someone has aborted it in the meantime."""
    uploads = UploadRow.__table__
    if upload.state == RowState.COMPLETED:
        upload = arrived(upload, _resource_of(upload.id))
    if upload.state != RowState.ADOPTING:
        TRANSITIONS.step(RowState.ADOPTING, RowState(upload.state))
    values = {field.name: getattr(upload, field.name) for field in fields(Upload) if field.name != "id"}
    saved = model.Session.execute(
        uploads.update()
        .where(uploads.c.id == upload.id, uploads.c.state == RowState.ADOPTING)
        .values(**values)
    )
    if not saved.rowcount:
        model.Session.rollback()
        return False
    model.Session.commit()
    return True


def _resource_of(upload_id: str) -> str:
    return str(model.Session.query(UploadRow.resource_id).filter_by(id=upload_id).scalar() or "")


def _renew_lease(upload_id: str) -> bool:
    """Holds the lease a while longer; False where the upload was aborted."""
    adoptions = Adoption.__table__
    model.Session.execute(
        adoptions.update().where(adoptions.c.upload_id == upload_id).values(lease_until=now() + _LEASE)
    )
    state = model.Session.query(UploadRow.state).filter_by(id=upload_id).scalar()
    model.Session.commit()
    return state == RowState.ADOPTING


def _release_lease(upload_id: str) -> None:
    model.Session.rollback()
    adoptions = Adoption.__table__
    model.Session.execute(
        adoptions.update().where(adoptions.c.upload_id == upload_id).values(lease_until=None)
    )
    model.Session.commit()


def _is_left(upload_id: str) -> bool:
    """Whether there is more to copy and nobody who copies: a job that waited for another one would only come
    round and round in the queue."""
    left = model.Session.query(Adoption.upload_id).filter(
        Adoption.upload_id == upload_id, Adoption.lease_until.is_(None)
    )
    is_left = left.first() is not None
    return is_left and _state(upload_id) == RowState.ADOPTING


def _state(upload_id: str) -> str | None:
    state = model.Session.query(UploadRow.state).filter_by(id=upload_id).scalar()
    model.Session.commit()
    return state
