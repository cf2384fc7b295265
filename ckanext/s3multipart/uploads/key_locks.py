"""A lock for one key, so that an object is not removed as nobody's while a row is made that needs it."""

import sqlalchemy as sa
from ckan import model


def lock_key(key: str) -> None:
    """Waits until nobody else has the key, and keeps it until the transaction of the session ends."""
    named = sa.func.hashtextextended(f"s3multipart key {key}", 0)
    model.Session.execute(sa.select(sa.func.pg_advisory_xact_lock(named)))
