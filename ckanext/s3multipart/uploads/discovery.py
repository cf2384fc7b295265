"""Finding what was written with session credentials and forms: each file becomes an upload of its publisher.

It is held to the rules that an upload is held to when it is created. What is not accepted becomes an upload
too, ``refused`` with the reason, and is removed with its prefix."""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from ckan import model
from sqlalchemy.dialects.postgresql import insert

from ckanext.s3multipart.errors import FileUnreadable, NotSignedIn, TooManyFiles
from ckanext.s3multipart.extending.errors import ExtensionFailed
from ckanext.s3multipart.extending.plugin_calls import before_create
from ckanext.s3multipart.interfaces import BY_SESSION, WantedUpload
from ckanext.s3multipart.model import OWNER_TYPE, UploadRow, now
from ckanext.s3multipart.permission import authorised_owner
from ckanext.s3multipart.scanning.inspecting import inspect_of
from ckanext.s3multipart.scanning.quarantine import arrived
from ckanext.s3multipart.scanning.scan_rules import require_scannable
from ckanext.s3multipart.settings import portal_settings, portal_store, transfer_settings
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.adoption import adopted_key, pins, take_over_small
from ckanext.s3multipart.uploads.grant_states import TRANSITIONS, GrantState
from ckanext.s3multipart.uploads.quota import require_room
from ckanext.s3multipart.uploads.refusal_text import refusal_text
from ckanext.s3multipart.uploads.rules import check_size, check_type, content_type_of
from ckanext.s3multipart.uploads.session_model import UPLOAD, Adoption, SessionGrant
from s3portal.portal.protocol import can_be_kept
from s3portal.transfer import (
    CALL,
    INERT_TYPE,
    MAX_KEYS_A_PAGE,
    MAX_PART_SIZE_BYTES,
    ObjectGone,
    StoredObject,
    StoreError,
    StoreFailed,
    TransferError,
    Upload,
    WrittenObject,
    asking,
    deadline,
    is_content_type,
    list_page,
    look_at,
    object_key,
    safe_filename,
)

log = logging.getLogger(__name__)

#: Files that one prefix brings; each costs a request and a row.
MOST_FILES = 10_000
#: What one call that someone waits for looks at: prefixes, and files that were not there before.
_GRANTS_A_CALL = 3
_FILES_A_CALL = 50
# S3 User Guide, "Understanding and managing Amazon S3 storage classes": not readable without a restore.
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


@dataclass
class Found:
    """What one look brought: numbers of files."""

    accepted: int = 0
    refused: int = 0

    def __iadd__(self, other: "Found") -> "Found":
        self.accepted += other.accepted
        self.refused += other.refused
        return self


@dataclass(frozen=True)
class _Grant:
    """The row's values: a row itself would keep a connection while the store is asked."""

    id: str
    user: str
    dataset_id: str
    organisation_id: str
    state: str
    prefix: str
    size_limit_bytes: int
    scanned_to: str


def discover_for(user: model.User, dataset_id: str = "") -> None:
    """Looks at what this user wrote, as far as a caller wants to wait; a store that fails is looked at
    another time."""
    user_id = user.id
    grants = _grants_of(user_id, dataset_id)
    try:
        # Made once in a process, which takes up to seconds: the deadline is for what the store takes.
        if grants:
            portal_store().client()
        with deadline(CALL.within_s):
            for grant in grants:
                _, ends_at = _look(grant, grant.scanned_to, _FILES_A_CALL)
                # No database takes a NUL; what follows it in order is only looked at again.
                kept = {"scanned_to": ends_at.partition("\x00")[0]}
                model.Session.query(SessionGrant).filter_by(id=grant.id).update(kept)
                model.Session.commit()
            take_over_small(user_id, dataset_id)
        inspect_of(user_id)
    except StoreError as error:
        log.warning("Files written with session credentials could not be examined: %s", error)


def discover_all(grant_id: str) -> Found:
    """Looks at everything under the prefix. Raises StoreUnavailable, StoreFailed."""
    row = model.Session.get(SessionGrant, grant_id, populate_existing=True)
    grant = row and _values(row)
    model.Session.commit()
    found, ends_at, more = Found(), "", grant is not None
    while more:
        some, ends_at = _look(grant, ends_at, MAX_KEYS_A_PAGE)
        found += some
        more = bool(ends_at)
    return found


def _grants_of(user_id: str, dataset_id: str) -> list[_Grant]:
    """The prefixes that this user may have written to lately."""
    grants = model.Session.query(SessionGrant).filter(
        SessionGrant.user == user_id,
        SessionGrant.kind != UPLOAD,
        SessionGrant.state.in_((GrantState.LIVE, GrantState.DRAINING)),
        SessionGrant.writable_until.isnot(None),
    )
    if dataset_id:
        grants = grants.filter(SessionGrant.dataset_id == dataset_id)
    latest = grants.order_by(SessionGrant.writable_until.desc()).limit(_GRANTS_A_CALL)
    values = [_values(row) for row in latest]
    model.Session.commit()
    return values


def _look(grant: _Grant, start_after: str, most_new: int) -> tuple[Found, str]:
    """Looks at the next page of what is under the prefix, and at most this many new files of it; also returns
    where the next look begins, "" after the end."""
    if grant.state != GrantState.CLOSING and _is_deleted(grant.dataset_id):
        # It may be restored as long as the prefix lasts, and a refusal would be final.
        return Found(), ""
    store = portal_store()
    with asking(store):
        page = list_page(store, grant.prefix, start_after)
    new = _unknown(grant, page.objects)
    found = _Finding(grant).take_in(new[:most_new]) if new else Found()
    if found.refused:
        # Its bytes stay until the credentials expire, so that has to be soon.
        model.Session.query(SessionGrant).filter_by(id=grant.id, state=GrantState.LIVE).update(
            {"state": TRANSITIONS.step(GrantState.LIVE, GrantState.DRAINING)}
        )
        model.Session.commit()
    return found, new[most_new - 1].key if len(new) > most_new else page.ends_at


def _is_deleted(dataset_id: str) -> bool:
    package = model.Package.get(dataset_id)
    deleted = package is not None and package.state == model.State.DELETED
    model.Session.commit()
    return bool(deleted)


def _values(row: SessionGrant) -> _Grant:
    return _Grant(**{field.name: getattr(row, field.name) for field in fields(_Grant)})


def _unknown(grant: _Grant, objects: Iterable[WrittenObject]) -> list[WrittenObject]:
    """Those that have not been seen yet, as they are now."""
    # A folder of some programs is an empty object with a name that ends in a slash.
    files = [each for each in objects if not (each.key.endswith("/") and each.size_bytes == 0)]
    if unkept := [each for each in files if not can_be_kept(each.key)]:
        # It is nobody's file, and goes with its prefix.
        log.warning("%s keys under %s have characters that no row can hold", len(unkept), grant.prefix)
        files = [each for each in files if can_be_kept(each.key)]
    known = {
        (row.source_key, row.source_etag, row.source_modified_at)
        for row in model.Session.query(
            Adoption.source_key, Adoption.source_etag, Adoption.source_modified_at
        ).filter(Adoption.grant_id == grant.id, Adoption.source_key.in_([each.key for each in files]))
    }
    model.Session.commit()
    return [each for each in files if (each.key, each.etag, _second(each.modified_at)) not in known]


def _second(moment: datetime) -> datetime:
    """A listing may say fractions that HEAD cannot."""
    return moment.replace(microsecond=0)


class _Finding:
    """One look at what is under one prefix."""

    def __init__(self, grant: _Grant) -> None:
        self._grant = grant
        self._organisation_id = grant.organisation_id
        self._permission = self._refused_permission()
        self._files = model.Session.query(Adoption).filter_by(grant_id=grant.id).count()
        model.Session.commit()

    def take_in(self, objects: Iterable[WrittenObject]) -> Found:
        found, store = Found(), portal_store()
        for each in objects:
            if self._files > MOST_FILES:
                log.warning("More than %s files were written under %s", MOST_FILES, self._grant.prefix)
                break
            try:
                with asking(store):
                    written, refusal = look_at(store, each.key), None
            except ObjectGone:
                continue
            except StoreFailed as error:
                # HEAD without the writer's own key (SSE-C): nothing that the portal has opens this file.
                if error.store_code not in ("400", "BadRequest", "InvalidRequest"):
                    raise
                written, refusal = _as_listed(each), FileUnreadable()
            try:
                state = self._record(written, refusal)
            except ExtensionFailed as error:
                # It is logged, and the file is looked at again; a refusal would be final.
                log.warning("The file %s is left as it is: %s", each.key, error)
                continue
            found.accepted += state in (RowState.ADOPTING, RowState.QUARANTINED, RowState.COMPLETED)
            found.refused += state == RowState.REFUSED
            self._files += state is not None
        return found

    def _record(self, written: StoredObject, refusal: TransferError | None) -> RowState | None:
        """The file's row, in one transaction; returns its state, None where another process was first."""
        filename = safe_filename(written.key.removeprefix(self._grant.prefix))
        content_type = content_type_of(filename, written.content_type)
        content_type = content_type if is_content_type(content_type) else INERT_TYPE
        upload_id = str(uuid.uuid4())
        wanted = self._wanted(filename, written.size_bytes, content_type)
        refusal = refusal or self._refusal(written, wanted)
        # Asked before anything is written: the plugin may end the transaction.
        target = adopted_key(wanted, upload_id)
        added = insert(Adoption.__table__).values(
            upload_id=upload_id,
            grant_id=self._grant.id,
            source_key=written.key,
            source_etag=written.etag,
            source_version_id=written.version_id,
            source_modified_at=_second(written.last_modified),
            refusal=refusal_text(refusal) if refusal else None,
        )
        if not model.Session.execute(added.on_conflict_do_nothing()).rowcount:
            model.Session.rollback()
            return None
        pinned = refusal is None and target == self._usual_key(wanted, upload_id) and pins(written)
        state = RowState.REFUSED if refusal else RowState.COMPLETED if pinned else RowState.ADOPTING
        upload = self._upload(upload_id, state, written, wanted, target)
        row = UploadRow.from_upload(upload, resource_id=str(uuid.uuid4()), idempotency_key=None)
        model.Session.add(row)
        if pinned:
            model.Session.flush()
            row.record(arrived(upload, row.resource_id))
        state = RowState(row.state)
        model.Session.commit()
        return state

    def _wanted(self, filename: str, size_bytes: int, content_type: str) -> WantedUpload:
        return WantedUpload(
            dataset_id=self._grant.dataset_id,
            organisation_id=self._organisation_id,
            resource_id="",
            user_id=self._grant.user,
            filename=filename,
            size_bytes=size_bytes,
            content_type=content_type,
            way=BY_SESSION,
        )

    def _usual_key(self, wanted: WantedUpload, upload_id: str) -> str:
        prefix = transfer_settings().s3_prefix
        return object_key(prefix, wanted.organisation_id, wanted.dataset_id, upload_id, wanted.filename)

    def _upload(
        self, upload_id: str, state: RowState, written: StoredObject, wanted: WantedUpload, target: str
    ) -> Upload:
        grant, moment = self._grant, now()
        part_size_bytes = min(max(written.size_bytes, 1), MAX_PART_SIZE_BYTES)
        return Upload(
            id=upload_id,
            state=state,
            owner_type=OWNER_TYPE,
            owner_id=grant.dataset_id,
            user=grant.user,
            filename=wanted.filename,
            size_bytes=written.size_bytes,
            content_type=wanted.content_type,
            part_size_bytes=part_size_bytes,
            part_count=max(1, -(-written.size_bytes // part_size_bytes)),
            key=target if state == RowState.ADOPTING else written.key,
            s3_upload_id="",
            created_at=moment,
            updated_at=moment,
            expires_at=moment + timedelta(seconds=transfer_settings().upload_expires),
            checksum_algorithm=written.checksum.algorithm if written.checksum else None,
            checksum_value=written.checksum.value if written.checksum else None,
            etag=None if state == RowState.ADOPTING else written.etag,
            version_id=None if state == RowState.ADOPTING else written.version_id,
        )

    def _refusal(self, written: StoredObject, wanted: WantedUpload) -> TransferError | None:
        """Why this file is not accepted, None where it is. Raises ExtensionFailed."""
        if self._permission is not None:
            return self._permission
        try:
            if written.storage_class in _ARCHIVES:
                raise FileUnreadable
            if self._files >= MOST_FILES:
                raise TooManyFiles(limit=MOST_FILES)
            check_size(transfer_settings(), written.size_bytes)
            check_type(portal_settings(), wanted.filename, wanted.content_type)
            require_scannable(written.size_bytes)
            before_create(wanted)
            require_room(self._organisation_id, written.size_bytes)
        except ExtensionFailed:
            raise
        except TransferError as refusal:
            return refusal
        return None

    def _refused_permission(self) -> TransferError | None:
        """Why the user may not upload to the dataset now, however good the keys still are."""
        try:
            user = model.User.get(self._grant.user)
            if user is None or user.state != model.State.ACTIVE:
                raise NotSignedIn
            context = {"user": user.name, "auth_user_obj": user}
            # The dataset may have moved to another organisation since.
            self._organisation_id = authorised_owner(context, self._grant.dataset_id).organisation_id
        except TransferError as refusal:
            return refusal
        return None


def _as_listed(listed: WrittenObject) -> StoredObject:
    return StoredObject(
        key=listed.key,
        version_id=None,
        etag=listed.etag,
        size_bytes=listed.size_bytes,
        content_type="",
        last_modified=listed.modified_at,
        checksum=None,
        metadata={},
        encryption="",
        kms_key_id="",
        storage_class="",
    )
