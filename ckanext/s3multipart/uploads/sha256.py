"""The SHA-256 of a file: what the publisher's program said, or what a background job finds by streaming the
file once from the store.

A browser computes CRCs as it sends parts in any order; a SHA-256 needs the whole file in its order. What a
program says is taken once, of its publisher's own file that is not published yet, and only where no
background job finds out what is true.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from ckan.lib import search

from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.settings import portal_settings, portal_store
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from ckanext.s3multipart.uploads.file_facts import (
    ALGORITHM_FIELD,
    CHECKSUM_FIELD,
    describe_checksums,
    is_sha256,
)
from s3portal.portal.protocol import request_fields
from s3portal.transfer import InvalidRequest, Problem, TransferError, Upload, read_object

log = logging.getLogger(__name__)

_ROWS = UploadRow.__table__
#: A file is there to be read, saved or not.
_STORED = (RowState.COMPLETED, *PUBLISHED)
#: CKAN's own limit for jobs is three minutes; a terabyte takes hours.
_JOB_TIMEOUT_S = 24 * 3600


def given_sha256(asked: Mapping[str, Any]) -> str:
    """What the caller says, "" where they say nothing. Raises InvalidRequest."""
    text = request_fields.text(asked, "sha256", required=False).lower()
    if text and not is_sha256(text):
        raise InvalidRequest(field="sha256", problem=Problem.NO_SHA256)
    return text


def take_given_sha256(upload_id: str, sha256: str) -> None:
    """Keeps what the publisher's program says of a completed file that nobody relies on yet, or has the
    background job compare it, where the site wants that. Commits."""
    if portal_settings().sha256_in_background:
        enqueue_sha256(upload_id, sha256)
        return
    model.Session.execute(
        _ROWS.update()
        .where(_ROWS.c.id == upload_id, _ROWS.c.state == RowState.COMPLETED, _ROWS.c.sha256.is_(None))
        .values(sha256=sha256)
    )
    model.Session.commit()


def record_sha256(upload_id: str, sha256: str) -> None:
    """Keeps the SHA-256 of what was read, and says it on the resource whose file this is. Commits."""
    model.Session.execute(_ROWS.update().where(_ROWS.c.id == upload_id).values(sha256=sha256))
    model.Session.commit()
    resource_id = model.Session.execute(
        sa.select(_ROWS.c.resource_id).where(_ROWS.c.id == upload_id, _ROWS.c.state == RowState.ATTACHED)
    ).scalar()
    if resource_id:
        say_checksums(resource_id)


def say_checksums(resource_id: str) -> bool:
    """Has a resource say of its file's checksums what is true; returns whether it said something else.

    Past CKAN's own actions: nobody edited the dataset, so its time and its activities stay. Commits.
    """
    row = attached_upload(resource_id)
    if row is not None:
        # It was just written past the session.
        model.Session.refresh(row)
    resource = model.Session.get(model.Resource, resource_id, populate_existing=True)
    if row is None or resource is None or resource.url_type != "upload":
        model.Session.rollback()
        return False
    extras = dict(resource.extras or {})
    said = {"hash": resource.hash or "", **extras}
    wanted = dict(said)
    describe_checksums(wanted, row)
    if wanted == said:
        model.Session.rollback()
        return False
    resource.hash = wanted.pop("hash")
    resource.extras = wanted
    package_id = resource.package_id
    model.Session.commit()
    search.rebuild(package_id)
    return True


def enqueue_sha256(upload_id: str, given: str = "") -> bool:
    """Asks for the background job, where the site wants it, which compares what was ``given``. Without Redis,
    the janitor asks again."""
    if not portal_settings().sha256_in_background:
        return False
    try:
        tk.enqueue_job(
            compute_in_background,
            [upload_id, given] if given else [upload_id],
            title=f"s3multipart: SHA-256 of {upload_id}",
            rq_kwargs={"timeout": _JOB_TIMEOUT_S},
        )
    except Exception as error:  # noqa: BLE001  # whatever Redis and its clients raise
        log.warning("No background job for the SHA-256 of upload %s: %s", upload_id, error)
        return False
    return True


def compute_in_background(upload_id: str, given: str = "") -> None:
    """The background job: reads the file once."""
    try:
        compute_sha256(upload_id, given)
    except TransferError as error:
        log.warning("The SHA-256 of upload %s is computed later: %s", upload_id, error)


def compute_sha256(upload_id: str, given: str = "") -> bool:
    """Reads the file of an upload that has no SHA-256 yet; returns whether it had none. Logs one that was
    ``given`` and is another. Holds nothing of the database meanwhile.

    Raises ObjectGone, ContentDiffers, StoreUnavailable, StoreFailed.
    """
    row = model.Session.get(UploadRow, upload_id, populate_existing=True)
    wanted = row is not None and row.sha256 is None and row.state in _STORED
    upload = row.as_upload() if wanted else None
    model.Session.commit()
    if upload is None:
        return False
    sha256 = sha256_of(upload)
    if given not in ("", sha256):
        log.warning(
            "The SHA-256 of upload %s is %s; its publisher's program said %s", upload_id, sha256, given
        )
    record_sha256(upload_id, sha256)
    return True


def sha256_of(upload: Upload) -> str:
    """The SHA-256 of what the store has. Raises ObjectGone, ContentDiffers, StoreUnavailable, StoreFailed."""
    digest = hashlib.sha256()
    for block in read_object(portal_store(), upload):
        digest.update(block)
    return digest.hexdigest()


def without_sha256(limit: int) -> list[str]:
    """Published files, earlier versions too, whose SHA-256 is not known, the oldest first."""
    wanted = sa.select(_ROWS.c.id).where(_ROWS.c.state.in_(PUBLISHED), _ROWS.c.sha256.is_(None))
    ids = model.Session.execute(wanted.order_by(_ROWS.c.created_at, _ROWS.c.id).limit(limit)).scalars().all()
    model.Session.commit()
    return list(ids)


def resources_to_say(limit: int) -> list[str]:
    """Resources that say their file's checksum as versions before did, in ``hash``, or not at all."""
    resources = model.resource_table
    extras = sa.cast(resources.c.extras, sa.UnicodeText)
    ours = (
        sa.select(resources.c.id)
        .join(_ROWS, _ROWS.c.resource_id == resources.c.id)
        .where(
            _ROWS.c.state == RowState.ATTACHED,
            _ROWS.c.checksum_value.isnot(None) | _ROWS.c.sha256.isnot(None),
            resources.c.url_type == "upload",
            resources.c.state == model.State.ACTIVE,
            resources.c.hash.op("~*")("^crc[0-9a-z]+:")
            | (_ROWS.c.checksum_value.isnot(None) & ~sa.func.coalesce(extras, "").contains(CHECKSUM_FIELD))
            | (
                (resources.c.hash == _ROWS.c.sha256) & ~sa.func.coalesce(extras, "").contains(ALGORITHM_FIELD)
            ),
        )
        .order_by(resources.c.id)
        .limit(limit)
    )
    ids = list(model.Session.execute(ours).scalars())
    model.Session.commit()
    return ids
