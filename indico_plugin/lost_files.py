"""Objects that are gone from the store although Indico has their rows: noticed before a reader is sent there.

A redirect, or nginx, would show the reader the store's own XML. So the store is asked first whether the
object is there, at most once a minute for each file and for one second at most; a store that does not
answer is left alone for a minute, and its readers are sent on as ever. What is gone is recorded, so that
``indico s3 doctor`` can say so.
"""

import hashlib
from datetime import datetime, timezone

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.cache import make_scoped_cache
from indico.core.db import db
from indico.core.storage import StorageError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from indico_plugin import _
from indico_plugin.models.lost_files import LostFile
from indico_plugin.options import BackendOptions, open_internal_store
from indico_plugin.plugin_settings import logger
from s3portal.transfer import LOOK, TransferError, asking

_ASKED_FOR_S = 60
_THERE, _LOST, _DOWN = "there", "lost", "down"

_cache = make_scoped_cache("storage-s3-objects")


class FileLost(NotFound):
    """The page for a reader of a file that is gone."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This file is listed here, but it is no longer in the file storage. Please tell the people"
                " responsible for this page."
            )
        )


class LostFileOpened(FileLost, StorageError):
    """A preview or another part of Indico opens a file that is gone: to a reader the page for it, to
    everything else the StorageError that Indico expects of a backend.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __str__(self) -> str:
        return f"{self._what}: the object is gone"


def require_there(options: BackendOptions, bucket: str, key: str) -> None:
    """Raises FileLost where the store says that the object is gone; an answer holds for a minute."""
    place, store = _cache_key(options.host, bucket, key), _cache_key(options.host)
    known = _cache.get(place)
    if known is None and _cache.get(store) != _DOWN:
        # Beforehand, so that the other readers of this moment do not ask too.
        _cache.set(place, _THERE, _ASKED_FOR_S)
        known = _ask(options, bucket, key)
        if known is None:
            _cache.set(store, _DOWN, _ASKED_FOR_S)
        elif known == _LOST:
            _cache.set(place, _LOST, _ASKED_FOR_S)
            record_lost(options, bucket, key)
        else:
            forget_lost(options, bucket, key)
    if known == _LOST:
        raise FileLost


def record_lost(options: BackendOptions, bucket: str, key: str) -> None:
    """Records that the object is gone, in a transaction of its own: that of the request is rolled
    back.
    """
    logger.error("%s is missing from the bucket %s", key, bucket)
    row = {"host": options.host, "bucket": bucket, "key": key, "noticed_at": datetime.now(timezone.utc)}
    _execute(insert(LostFile.__table__).values(row).on_conflict_do_nothing())


def forget_lost(options: BackendOptions, bucket: str, key: str) -> None:
    """Writes down that the object is there (again)."""
    table = LostFile.__table__
    place = (table.c.host == options.host) & (table.c.bucket == bucket) & (table.c.key == key)
    _execute(table.delete().where(place))


def lost_files() -> list[tuple[str, str, str, datetime]]:
    """The losses noticed so far: ``(host, bucket, key, noticed at)``, the latest first."""
    table = LostFile.__table__
    try:
        with db.engine.begin() as connection:
            return [
                tuple(row) for row in connection.execute(table.select().order_by(table.c.noticed_at.desc()))
            ]
    except SQLAlchemyError:
        return []


def _execute(statement) -> None:
    try:
        with db.engine.begin() as connection:
            connection.execute(statement)
    except SQLAlchemyError as error:
        # Sites that have not run `indico db --plugin storage_s3 upgrade` have no such table, and keep working
        # without.
        logger.debug("Lost files are not recorded: %s", error)


def _ask(options: BackendOptions, bucket: str, key: str) -> str | None:
    """Whether the object is there; None where the store does not say in time."""
    store = open_internal_store(options, bucket)
    try:
        with asking(store, LOOK):
            store.client().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        answered = error.response["ResponseMetadata"]
        if answered.get("HTTPStatusCode") == 404 and "x-amz-request-id" in answered.get("HTTPHeaders", {}):
            return _LOST
        # Someone between here and the store answered for it; or 403, which without the right to list the
        # bucket S3 answers for a missing object too (API Reference, HeadObject).
        return _THERE
    except (BotoCoreError, TransferError, KeyError) as error:
        logger.warning("Bucket %s: the store did not say whether %s is there: %s", bucket, key, error)
        return None
    return _THERE


def _cache_key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
