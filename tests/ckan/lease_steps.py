"""What the tests of leases look at, and time that passes."""

from collections.abc import Callable
from datetime import timedelta

from callers import Caller
from ckan import model

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from s3portal.transfer import list_uploads

Setting = Callable[[str, object], None]


def rows_of(caller: Caller) -> list[UploadRow]:
    model.Session.rollback()
    return list(model.Session.query(UploadRow).filter_by(owner_id=caller.dataset).populate_existing())


def leases_end(caller: Caller) -> None:
    """Time passes, and whoever had a lease of an upload is not heard of again."""
    rows = UploadRow.__table__
    model.Session.execute(
        rows.update()
        .where(rows.c.owner_id == caller.dataset, rows.c.lease_until.isnot(None))
        .values(lease_until=now() - timedelta(seconds=1))
    )
    model.Session.commit()


def unfinished_at_store(caller: Caller) -> list[str]:
    """The names of the files whose multipart uploads the store has."""
    prefix = f"{caller.organisation_id}/{caller.dataset}/"
    return sorted(listed.key.rsplit("/")[-1] for listed in list_uploads(portal_store(), prefix))


def reservations_lapse(caller: Caller) -> None:
    model.Session.query(UploadRow).filter_by(owner_id=caller.dataset).update(
        {"reserved_until": now() - timedelta(seconds=1)}
    )
    model.Session.commit()


def expire_all(caller: Caller) -> None:
    model.Session.query(UploadRow).filter_by(owner_id=caller.dataset).update(
        {"expires_at": now() - timedelta(seconds=1)}
    )
    model.Session.commit()
