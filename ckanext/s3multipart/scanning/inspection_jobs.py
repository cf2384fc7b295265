"""Background jobs that stream files to the scanner. What no job does, the janitor does."""

import logging
from collections.abc import Callable
from datetime import timedelta

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.model import now
from ckanext.s3multipart.scanning.inspection_model import Inspection

log = logging.getLogger(__name__)

_INSPECTIONS = Inspection.__table__
#: CKAN's own limit for jobs is three minutes.
_JOB_TIMEOUT_S = 24 * 3600
#: A job that was asked for and did nothing for so long is asked for again.
_QUEUED_FOR = timedelta(minutes=1)


def queue_inspection(upload_id: str, inspect: Callable[[str], None]) -> None:
    """Asks for the background job ``inspect``, unless one was asked for just now. Commits."""
    asked = model.Session.execute(
        _INSPECTIONS.update()
        .where(
            _INSPECTIONS.c.upload_id == upload_id,
            sa.or_(_INSPECTIONS.c.queued_at.is_(None), _INSPECTIONS.c.queued_at < now() - _QUEUED_FOR),
        )
        .values(queued_at=now())
    )
    model.Session.commit()
    if not asked.rowcount:
        return
    try:
        tk.enqueue_job(
            inspect,
            [upload_id],
            title=f"s3multipart: check {upload_id}",
            rq_kwargs={"timeout": _JOB_TIMEOUT_S},
        )
    except Exception as error:  # noqa: BLE001  # whatever Redis and its clients raise
        log.warning("No background job for upload %s, the janitor checks it: %s", upload_id, error)
