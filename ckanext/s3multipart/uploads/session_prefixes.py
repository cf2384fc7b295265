"""Credentials for writing to the store without the portal: for a fresh prefix, never for one with files.

Each user has one such prefix for a dataset at a time, for credentials and for forms each, and every call
answers the same one as long as it lasts. What lies there is found by discovery.py; nothing that is published
does."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert

from ckanext.s3multipart.model import find_upload, now
from ckanext.s3multipart.permission import Owner
from ckanext.s3multipart.settings import portal_host, portal_store, transfer_settings
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.grant_states import TRANSITIONS, GrantState
from ckanext.s3multipart.uploads.quota import require_room
from ckanext.s3multipart.uploads.session_model import CREDENTIALS, FORM, UPLOAD, SessionGrant
from s3portal.transfer import (
    CredentialsNotConfigured,
    SessionCredentials,
    Upload,
    UploadNotFound,
    UploadNotOpen,
    asking,
    assume_upload_role,
    dataset_prefix,
    keeps_to_parts,
)

#: How long a prefix is answered. What was copied from it, and what was refused, stays there until no one can
#: write to it any more, so this is not for ever.
_ISSUED_FOR = timedelta(days=1)
#: Clocks of the portal and the store differ a little.
_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Prefix:
    """A prefix, ending in ``/``, and the grant that it is."""

    grant_id: str
    prefix: str


def dataset_credentials(user: model.User, owner: Owner) -> SessionCredentials:
    """Session credentials for the user's own prefix of the dataset.

    Raises CredentialsNotConfigured, QuotaExceeded, StoreUnavailable, StoreFailed.
    """
    if not transfer_settings().s3_role:
        raise CredentialsNotConfigured
    # Files are counted when they are found; without any room left, none may be begun.
    require_room(owner.organisation_id, 1)
    prefix = live_prefix(user, owner, CREDENTIALS)
    _written_until(prefix.grant_id, timedelta(seconds=transfer_settings().credentials_expires))
    name, store = user.name, portal_store()
    model.Session.commit()
    with asking(store, of="sts"):
        return assume_upload_role(store, name, portal_host(), prefix=prefix.prefix)


def form_prefix(user: model.User, owner: Owner) -> str:
    """A folder of its own for one form, under the user's prefix of the dataset. Raises QuotaExceeded."""
    require_room(owner.organisation_id, 1)
    prefix = live_prefix(user, owner, FORM)
    _written_until(prefix.grant_id, timedelta(seconds=transfer_settings().url_expires))
    model.Session.commit()
    return f"{prefix.prefix}{uuid.uuid4()}/"


def upload_credentials(user: model.User, upload: Upload, organisation_id: str) -> SessionCredentials:
    """Session credentials for the key of one upload, which send parts and, where the store enforces that,
    create no object.

    Raises CredentialsNotConfigured, UploadNotFound, UploadNotOpen, StoreUnavailable, StoreFailed.
    """
    if not transfer_settings().s3_role:
        raise CredentialsNotConfigured
    upload_id, key, dataset_id = upload.id, upload.key, upload.owner_id
    user_id, name, store = user.id, user.name, portal_store()
    # Nothing of the database is held while the store is asked.
    model.Session.commit()
    with asking(store):
        parts_only = keeps_to_parts(store, portal_host())
    # Locked, so that it is not completed just now: what is completed has to know of these credentials.
    row = find_upload(upload_id, user_id, lock=True)
    if row is None:
        raise UploadNotFound
    if row.state != RowState.UPLOADING:
        raise UploadNotOpen(state=RowState.COMPLETED)
    _record_upload_grant(user_id, upload_id, key, dataset_id, organisation_id, parts_only)
    model.Session.commit()
    with asking(store, of="sts"):
        return assume_upload_role(store, name, portal_host(), key=key, parts_only=parts_only)


def live_prefix(user: model.User, owner: Owner, kind: str) -> Prefix:
    """The user's prefix of this dataset; a new one where there is none, or none that lasts. The caller
    commits."""
    grants = SessionGrant.__table__
    mine = (grants.c.user == user.id, grants.c.dataset_id == owner.dataset_id, grants.c.kind == kind)
    moment = now()
    model.Session.execute(
        grants.update()
        .where(
            *mine,
            grants.c.state == GrantState.LIVE,
            (grants.c.issuable_until <= moment) | (grants.c.organisation_id != owner.organisation_id),
        )
        .values(state=TRANSITIONS.step(GrantState.LIVE, GrantState.DRAINING))
    )
    grant_id = str(uuid.uuid4())
    folder = dataset_prefix(transfer_settings().s3_prefix, owner.organisation_id, owner.dataset_id)
    model.Session.execute(
        insert(grants)
        .values(
            id=grant_id,
            kind=kind,
            state=GrantState.LIVE,
            user=user.id,
            dataset_id=owner.dataset_id,
            organisation_id=owner.organisation_id,
            prefix=f"{folder}{grant_id}/",
            size_limit_bytes=transfer_settings().size_limit[0],
            parts_only=False,
            created_at=moment,
            issuable_until=moment + _ISSUED_FOR,
            scanned_to="",
        )
        .on_conflict_do_nothing()
    )
    found = model.Session.execute(
        sa.select(grants.c.id, grants.c.prefix).where(*mine, grants.c.state == GrantState.LIVE)
    ).one()
    return Prefix(found.id, found.prefix)


def _record_upload_grant(
    user_id: str, upload_id: str, key: str, dataset_id: str, organisation_id: str, parts_only: bool
) -> None:
    grants = SessionGrant.__table__
    moment = now()
    lives = timedelta(seconds=transfer_settings().credentials_expires) + _MARGIN
    granted = insert(grants).values(
        id=str(uuid.uuid4()),
        kind=UPLOAD,
        state=GrantState.DRAINING,
        user=user_id,
        dataset_id=dataset_id,
        organisation_id=organisation_id,
        upload_id=upload_id,
        prefix=key,
        size_limit_bytes=transfer_settings().size_limit[0],
        parts_only=parts_only,
        created_at=moment,
        issuable_until=moment,
        writable_until=moment + lives,
        scanned_to="",
    )
    model.Session.execute(
        granted.on_conflict_do_update(
            index_elements=["upload_id"],
            index_where=grants.c.kind == UPLOAD,
            set_={
                # One session that could create objects is enough.
                "parts_only": grants.c.parts_only & granted.excluded.parts_only,
                "state": GrantState.DRAINING,
                "writable_until": sa.func.greatest(grants.c.writable_until, granted.excluded.writable_until),
            },
        )
    )


def _written_until(grant_id: str, lives: timedelta) -> None:
    """Notes until when the credentials can write, before they are given out."""
    grants = SessionGrant.__table__
    until = now() + lives + _MARGIN
    latest = sa.func.greatest(sa.func.coalesce(grants.c.writable_until, until), until)
    model.Session.execute(grants.update().where(grants.c.id == grant_id).values(writable_until=latest))
