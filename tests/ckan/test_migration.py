"""The migrations make just the tables that the model describes, and take them away again."""

from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from callers import Caller
from ckan import model
from ckan.cli.db import _run_migrations
from kept_uploads import names, states

from ckanext import s3multipart
from ckanext.s3multipart.downloads.file_check import FileCheck
from ckanext.s3multipart.downloads.move_model import KeyMove
from ckanext.s3multipart.model import DownloadCount, UploadRow, count_download, now
from ckanext.s3multipart.outbox.event_model import Delivery, Event
from ckanext.s3multipart.scanning.inspection_model import Inspection
from ckanext.s3multipart.statistics.months import MonthCount
from ckanext.s3multipart.store_memory import StoreAnswer
from ckanext.s3multipart.upkeep.fixity_model import Fixity, FixityRound
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads.quota import usage
from ckanext.s3multipart.uploads.session_model import Adoption, SessionGrant
from s3portal.transfer import Upload

pytestmark = pytest.mark.smoke

BYTES_SENT = "f3c5d7e92b46"
FILE_CHECKS = "c41e90b7d2f8"
GRANTS = "8b2d4e71c6a0"
LEASES = "c41b7e90a2d5"
VERSIONS = "a7d2e9c14b58"
OLDEST = "3f6a1c0d9b51"
OURS = {
    table.__tablename__
    for table in (
        UploadRow,
        DownloadCount,
        MonthCount,
        StoreAnswer,
        FileCheck,
        SessionGrant,
        Adoption,
        Fixity,
        FixityRound,
        KeyMove,
        Event,
        Delivery,
        Inspection,
    )
}


def test_the_tables_are_as_the_model_says(portal) -> None:
    def ours(item, name, kind, reflected, compare_to) -> bool:
        return (item if kind == "table" else item.table).name in OURS

    with model.Session.get_bind().connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, model.meta.metadata) == []


def test_they_can_be_taken_back(portal) -> None:
    model.Session.remove()
    try:
        _run_migrations("s3multipart", "base", False)
        assert not OURS & set(sa.inspect(model.Session.get_bind()).get_table_names())
    finally:
        _run_migrations("s3multipart", "head", True)
    assert set(sa.inspect(model.Session.get_bind()).get_table_names()) >= OURS


def test_uploads_of_the_version_before_grants_stay(publisher: Caller) -> None:
    """They are completed and attached as if nothing had happened."""
    upload = publisher.begin(b"1,2")

    there_and_back(version_before(GRANTS))

    resource = publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"]))
    assert publisher.follow(resource["url"]).content == b"1,2"
    assert publisher.do("s3multipart_credentials", owner=publisher.dataset)["prefix"]


def test_going_back_gives_up_what_was_found_and_not_taken_over(publisher: Caller) -> None:
    for state in ("adopting", "refused"):
        upload = publisher.begin(filename=f"{state}.csv")
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update({"state": state})
    model.Session.commit()

    there_and_back(version_before(GRANTS))

    assert states(publisher) == ["aborted", "aborted"]


def test_uploads_of_the_version_before_resume(publisher: Caller) -> None:
    """An upload that was being sent, one that was not saved, a file, and one that was being removed."""
    sent = publisher.begin(filename="sent.csv")
    unsaved = publisher.upload(filename="unsaved.csv")
    resource = publisher.publish(b"1,2", filename="saved.csv")
    removing = publisher.publish(filename="removing.csv")
    set_state(removing["id"], "removing")
    before = rows_of(publisher)

    there_and_back(version_before(LEASES))

    assert rows_of(publisher) == before
    assert usage(publisher.organisation_id).used == 3 * 3, "what stood still has no reservation any more"
    assert publisher.follow(resource["url"]).content == b"1,2"
    publisher.attach(unsaved)
    publisher.do("s3multipart_upload_sign_parts", id=sent["id"], part_numbers=[1])
    publisher.attach(publisher.do("s3multipart_upload_complete", id=sent["id"]))
    sweep()
    assert "removing" not in states(publisher)


def test_going_back_leaves_no_state_that_the_version_before_does_not_know(publisher: Caller) -> None:
    for state in ("creating", "completing", "aborting"):
        upload = publisher.begin(filename=f"{state}.csv")
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update({"state": state})
    model.Session.commit()

    there_and_back(version_before(LEASES))

    assert states(publisher) == ["aborted", "uploading"]


def test_every_state_goes_to_the_oldest_version_and_back(publisher: Caller) -> None:
    """A file stays one, what the oldest version knows stays as it is, and the rest is given up or goes on."""
    becomes = {
        "creating": None,
        "uploading": "uploading",
        "completing": "uploading",
        "adopting": "aborted",
        "quarantined": "uploading",
        "completed": "completed",
        "refused": "aborted",
        "aborting": "aborted",
        "aborted": "aborted",
        "removing": "removing",
        "version": "removed",
        "removed": "removed",
    }
    resource = publisher.publish(b"1,2")
    publisher.follow(resource["url"])
    publisher.do("s3multipart_credentials", owner=publisher.dataset)
    ids = {state: publisher.create(filename=f"{state}.csv").result["upload"]["id"] for state in becomes}
    for state, upload_id in ids.items():
        leased = {"lease_token": "dead", "lease_until": now()} if state.endswith("ing") else {}
        model.Session.query(UploadRow).filter_by(id=upload_id).update({"state": state, **leased})
    model.Session.commit()

    there_and_back(OLDEST)

    found = {upload_id: state for upload_id, state, _ in rows_of(publisher)}
    assert {state: found.get(ids[state]) for state in becomes} == becomes
    assert publisher.follow(resource["url"]).content == b"1,2"
    sweep()
    assert set(states(publisher)) == {"aborted", "attached", "completed", "removed", "uploading"}


def there_and_back(version: str) -> None:
    """The tables as they were in an earlier version, with their rows, and upgraded again."""
    model.Session.remove()
    try:
        _run_migrations("s3multipart", version, False)
    finally:
        _run_migrations("s3multipart", "head", True)


def set_state(resource_id: str, state: str) -> None:
    model.Session.query(UploadRow).filter_by(resource_id=resource_id).update({"state": state})
    model.Session.commit()


def rows_of(caller: Caller) -> list[tuple[str, str, int]]:
    model.Session.rollback()
    rows = model.Session.query(UploadRow.id, UploadRow.state, UploadRow.size_bytes)
    return sorted(tuple(row) for row in rows.filter_by(owner_id=caller.dataset))


def version_before(revision: str) -> str:
    """The version of the tables that a migration finds."""
    return (
        ScriptDirectory(str(Path(s3multipart.__file__).parent / "migration" / "s3multipart"))
        .get_revision(revision)
        .down_revision
    )


def test_files_of_the_version_before_know_since_when_they_are_attached(
    portal, publisher: Caller, another_publisher: Caller
) -> None:
    """The migration finds rows as the version before wrote them."""
    attached, unfinished = publisher.publish(), another_publisher.begin()
    model.Session.remove()
    try:
        _run_migrations("s3multipart", version_before(FILE_CHECKS), False)
    finally:
        _run_migrations("s3multipart", "head", True)

    (file,) = publisher.do("s3multipart_file_list", owner=publisher.dataset)
    row = model.Session.get(UploadRow, file["upload"])
    assert (row.resource_id, row.attached_at) == (attached["id"], row.updated_at)
    assert model.Session.get(UploadRow, unfinished["id"]).attached_at is None


def test_files_of_the_version_before_are_no_earlier_versions(publisher: Caller, setting) -> None:
    resource = publisher.publish(b"1,2")
    gone = publisher.publish(b"3,4")
    set_state(gone["id"], "removed")

    there_and_back(version_before(VERSIONS))

    (current,) = publisher.do("s3multipart_version_list", resource=resource["id"])
    assert (current["current"], current["replaced_at"]) == (True, None)
    setting("keep_versions", 1)
    publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=publisher.upload(b"new")["id"])
    assert publisher.follow(current["url"]).content == b"1,2"


def test_going_back_destroys_no_earlier_version(publisher: Caller, setting) -> None:
    """To the version before they are gone, and it removes none of their objects."""
    setting("keep_versions", 1)
    resource = publisher.publish(b"1,2", filename="first.csv")
    publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=publisher.upload(b"new")["id"])

    there_and_back(version_before(VERSIONS))
    sweep()

    assert states(publisher) == ["attached", "removed"]
    assert names(publisher) == ["first.csv", "rivers.csv"]


def test_downloads_that_the_version_before_counted_stay(publisher: Caller) -> None:
    resource = publisher.publish()
    for _ in range(3):
        count_download(resource["id"], date(2026, 11, 1), 58)
    model.Session.commit()

    there_and_back(version_before(BYTES_SENT))

    stats = publisher.do("s3multipart_download_stats", resource=resource["id"])
    # How much was sent is not known of what that version counted.
    assert (stats["count"], stats["bytes"]) == (3, 0)


def test_a_row_holds_all_of_an_upload() -> None:
    columns = {column.name for column in sa.inspect(UploadRow).columns}

    assert {field.name for field in fields(Upload)} <= columns
