"""The calls of the upload protocol: for new materials of an event, session, contribution or category, and
for the file of a material that is to be replaced.

No transaction is open while the store is asked, so that a store that hangs holds no connection and no
lock. What the store did is then written into the row as it is by that time. A crash in between leaves at
worst something at the store that the janitor removes.
"""

import mimetypes
import uuid
from dataclasses import replace
from datetime import datetime, timezone

from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError
from indico.core.storage.backend import get_storage
from indico.modules.users import User
from indico.util.fs import secure_client_filename
from sqlalchemy.exc import IntegrityError

from indico_plugin.asking import without_transaction
from indico_plugin.backends import open_backend
from indico_plugin.direct_upload.permission import require_size
from indico_plugin.direct_upload.reservation import Reservation, reserve_place
from indico_plugin.direct_upload.states import UNFINISHED, UploadState
from indico_plugin.models.uploads import DirectUpload
from indico_plugin.plugin_settings import logger
from indico_plugin.storage import S3StorageBase
from s3portal.transfer import (
    COMPLETE,
    AlreadyAttached,
    Checksum,
    InvalidRequest,
    NewUpload,
    Problem,
    State,
    Store,
    StoreFailed,
    Upload,
    UploadNotFound,
    UploadNotOpen,
    abort_upload,
    complete_upload,
    create_upload,
    list_parts,
)

#: In the place of S3's upload id once the store has nothing more of an upload that was given up.
NOTHING_LEFT = ""


def owner_of(owner: db.Model) -> tuple[str, int]:
    """What an upload belongs to: the kind and the id of the object whose material it becomes, or of the
    material whose file it replaces.
    """
    return type(owner).__name__.lower(), owner.id


def create(
    owner: db.Model,
    user: User,
    *,
    filename: str,
    size_bytes: int,
    content_type: str = "",
    fingerprint: str = "",
    idempotency_key: str | None = None,
    round_trip_ms: float | None = None,
) -> DirectUpload:
    """Begins an upload; with an idempotency key that was used before, the same one again.

    Raises InvalidRequest, FileTooLarge, StoreUnavailable, StoreFailed.
    """
    if idempotency_key and (row := _by_idempotency_key(user.id, idempotency_key)):
        if (row.owner_type, row.owner_id) != owner_of(owner):
            raise InvalidRequest(field="idempotency_key", problem=Problem.USED_BEFORE)
        return row
    require_size(size_bytes)
    # As of a normal upload: what the file's name says counts more than what the browser thinks.
    content_type = mimetypes.guess_type(filename)[0] or content_type or "application/octet-stream"
    place = reserve_place(owner, user, secure_client_filename(filename), content_type)
    storage = get_storage(place.backend)
    bucket = storage.current_bucket()
    owner_type, owner_id = owner_of(owner)
    user_id, portal = user.id, config.BASE_URL
    with without_transaction(storage.store(bucket)):
        upload = _begin(
            storage,
            bucket,
            NewUpload(
                key=place.key,
                owner_type=owner_type,
                owner_id=str(owner_id),
                user=str(user_id),
                filename=filename,
                size_bytes=size_bytes,
                content_type=content_type,
                fingerprint=fingerprint,
                round_trip_ms=round_trip_ms,
                metadata={"portal": portal, "user": str(user_id), "filename": filename},
            ),
        )
    return _insert(upload, place, bucket, user_id, owner_id, idempotency_key or str(uuid.uuid4()))


def find(upload_id: str, owner: db.Model, user: User, *, lock: bool = False) -> DirectUpload:
    """The user's own upload for this owner. Raises UploadNotFound for any other, whatever the reason."""
    try:
        wanted = str(uuid.UUID(upload_id))
    except (ValueError, AttributeError, TypeError):
        raise UploadNotFound from None
    owner_type, owner_id = owner_of(owner)
    query = DirectUpload.query.filter_by(id=wanted, user_id=user.id, owner_type=owner_type, owner_id=owner_id)
    row = (query.with_for_update().populate_existing() if lock else query).one_or_none()
    if row is None:
        raise UploadNotFound
    return row


def unfinished(owner: db.Model, user: User) -> list[DirectUpload]:
    """The user's uploads for this owner that can go on, the newest first."""
    owner_type, owner_id = owner_of(owner)
    return (
        DirectUpload.query.filter_by(user_id=user.id, owner_type=owner_type, owner_id=owner_id)
        .filter(DirectUpload.state.in_(UNFINISHED), DirectUpload.expires_at > datetime.now(timezone.utc))
        .order_by(DirectUpload.created_at.desc())
        .all()
    )


def store_of(row: DirectUpload) -> Store:
    """Where the upload goes: the bucket it began in, whatever the date is by now. Raises StoreFailed where
    indico.conf has lost the backend since.
    """
    try:
        return open_backend(row.backend).store(row.bucket)
    except StorageError as error:
        logger.error("%s: %s", row, error)
        raise StoreFailed(operation="OpenStore", store_code="StorageError") from error


def describe(row: DirectUpload, *, ask_store: bool = False) -> dict:
    """The upload as the protocol shows it; with ``ask_store``, with what the store has of it now."""
    upload = row.as_upload()
    if not ask_store or upload.state != UploadState.UPLOADING:
        return upload.as_dict()
    store = store_of(row)
    with without_transaction(store):
        stored = list_parts(store, upload)
    return upload.as_dict(stored)


def complete(row: DirectUpload, checksum: Checksum | None = None) -> DirectUpload:
    """Makes an object of the parts, and returns the row, locked; again: nothing more.

    Raises PartsMissing, ContentDiffers, StoreFailed, and UploadNotOpen where it was given up meanwhile.
    """
    if row.state in (UploadState.COMPLETED, UploadState.ATTACHED):
        return _locked(row.id)
    store, upload = store_of(row), row.as_upload()
    with without_transaction(store, COMPLETE, user=upload.user):
        completed = complete_upload(store, upload, checksum)
    row = _locked(upload.id)
    if row.state == UploadState.ABORTED:
        # Given up by another request, or expired, while the store was at it: what came of it is removed.
        remove_from_store(row, is_completed=True)
        raise UploadNotOpen(state=UploadState.ABORTED)
    if row.state == UploadState.UPLOADING:
        row.take(completed)
    return row


def abort(row: DirectUpload) -> DirectUpload:
    """Gives the upload up and removes it from the store; again: nothing more. Raises AlreadyAttached.

    The row says so first: nobody can make a material of it any more while the store removes it.
    """
    row = _locked(row.id)
    if row.state == UploadState.ATTACHED:
        raise AlreadyAttached
    if row.state != UploadState.ABORTED:
        # One whose backend is gone cannot be given up: nobody could remove it.
        store_of(row)
        row.take(row.as_upload().become(State.ABORTED))
        remove_from_store(row)
    return row


def remove_from_store(row: DirectUpload, *, is_completed: bool = False) -> None:
    """Removes the parts and the object of an upload that was given up, and notes in the row that this is
    done.

    Raises StoreUnavailable, StoreFailed; the janitor tries again then.
    """
    upload_id, store = row.id, store_of(row)
    # Only of a completed one there is an object to delete; its row has an ETag.
    state = UploadState.COMPLETED if is_completed or row.etag else UploadState.UPLOADING
    upload = replace(row.as_upload(), state=state)
    with without_transaction(store):
        abort_upload(store, upload)
    row = _locked(upload_id)
    row.s3_upload_id = NOTHING_LEFT


def _locked(upload_id: str) -> DirectUpload:
    """The row as it is now, locked until the next commit."""
    return DirectUpload.query.filter_by(id=upload_id).with_for_update().populate_existing().one()


def _begin(storage: S3StorageBase, bucket: str, new: NewUpload) -> Upload:
    """The upload, in a dynamic bucket also where it is the first file of its month."""
    try:
        return create_upload(storage.store(bucket), new)
    except StoreFailed as error:
        make_bucket = storage.bucket_maker(bucket)
        if make_bucket is None or error.store_code != "NoSuchBucket":
            raise
    make_bucket()
    return create_upload(storage.store(bucket), new)


def _by_idempotency_key(user_id: int, idempotency_key: str) -> DirectUpload | None:
    return DirectUpload.query.filter_by(user_id=user_id, idempotency_key=idempotency_key).one_or_none()


def _insert(
    upload: Upload, place: Reservation, bucket: str, user_id: int, owner_id: int, idempotency_key: str
) -> DirectUpload:
    """The row, or the one that the same call made at the same time in another worker."""
    row = DirectUpload(
        id=upload.id,
        idempotency_key=idempotency_key,
        user_id=user_id,
        owner_type=upload.owner_type,
        owner_id=owner_id,
        attachment_id=place.attachment_id,
        file_id=place.file_id,
        backend=place.backend,
        bucket=bucket,
    )
    row.take(upload)
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        store = get_storage(place.backend).store(bucket)
        with without_transaction(store):
            abort_upload(store, upload)
        return _by_idempotency_key(user_id, idempotency_key)
    return row
