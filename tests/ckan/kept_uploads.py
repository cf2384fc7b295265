"""What the store and the database have of somebody's uploads."""

from datetime import timedelta
from urllib.parse import quote

from callers import Caller
from ckan import model

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import portal_store


def stored_keys(publisher: Caller) -> list[str]:
    listed = (
        portal_store()
        .client()
        .list_objects_v2(
            Bucket="test-bucket", Prefix=f"{publisher.organisation_id}/{quote(publisher.dataset)}/"
        )
    )
    return [entry["Key"] for entry in listed.get("Contents", [])]


def names(caller: Caller) -> list[str]:
    """The names of the files that the store has of the caller's datasets."""
    return sorted(key.rsplit("/")[-1] for key in stored_keys(caller))


def states(caller: Caller) -> list[str]:
    model.Session.rollback()
    rows = model.Session.query(UploadRow.state).filter_by(owner_id=caller.dataset)
    return sorted(row.state for row in rows)


def state_of(upload: dict) -> str:
    model.Session.rollback()
    model.Session.expire_all()
    return model.Session.get(UploadRow, upload["id"]).state


def days_pass(caller: Caller, days: int) -> None:
    """What was deleted was deleted so many days earlier."""
    rows = UploadRow.__table__
    earlier = rows.c.unused_since - timedelta(days=days)
    model.Session.execute(rows.update().where(rows.c.owner_id == caller.dataset).values(unused_since=earlier))
    model.Session.commit()
