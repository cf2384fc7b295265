"""Which earlier versions of a file are kept: so many of each resource, those replaced not too long ago, or
both."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from ckanext.s3multipart.model import UploadRow, earlier_now
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.upload_states import RowState

_ROWS = UploadRow.__table__


def keeps_versions() -> bool:
    """Whether a file that is replaced is kept."""
    settings = portal_settings()
    return settings.keep_versions > 0 or settings.keep_versions_for > 0


def is_surplus() -> Any:
    """Whether a version is more than the site keeps: a condition on rows of uploads."""
    settings = portal_settings()
    limits = []
    if settings.keep_versions:
        limits.append(_newer_versions() >= settings.keep_versions)
    if settings.keep_versions_for:
        limits.append(_ROWS.c.replaced_at <= earlier_now() - timedelta(seconds=settings.keep_versions_for))
    return (_ROWS.c.state == RowState.VERSION) & (sa.or_(*limits) if limits else sa.true())


def _newer_versions() -> Any:
    """How many versions of the same resource were replaced later than a row's."""
    newer = _ROWS.alias("newer")
    later = sa.tuple_(newer.c.replaced_at, newer.c.id) > sa.tuple_(_ROWS.c.replaced_at, _ROWS.c.id)
    return (
        sa.select(sa.func.count())
        .select_from(newer)
        .where(newer.c.resource_id == _ROWS.c.resource_id, newer.c.state == RowState.VERSION, later)
        .correlate(_ROWS)
        .scalar_subquery()
    )
