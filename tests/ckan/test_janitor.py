"""The janitor removes what nobody will come back for, and nothing else; from a terminal, too."""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from kept_uploads import days_pass, names, states

from ckanext.s3multipart import model as model_module
from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.upkeep import janitor, janitor_job, session_sweep
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upload_states import RowState
from s3portal.server.testing import RunningServer


def expire(caller: Caller) -> None:
    """A week passes."""
    model.Session.query(UploadRow).filter_by(owner_id=caller.dataset).update(
        {"expires_at": now() - timedelta(seconds=1)}
    )
    model.Session.commit()


def test_expired_uploads_go_with_what_the_store_has_of_them(publisher: Caller) -> None:
    publisher.begin(filename="unfinished.csv")
    publisher.upload(filename="completed.csv")
    publisher.publish(filename="attached.csv")
    expire(publisher)

    sweep()

    assert states(publisher) == [RowState.ABORTED, RowState.ABORTED, RowState.ATTACHED]
    assert names(publisher) == ["attached.csv"]


def test_uploads_that_are_not_expired_stay(publisher: Caller) -> None:
    publisher.begin()
    publisher.upload(filename="completed.csv")

    sweep()

    assert states(publisher) == [RowState.COMPLETED, RowState.UPLOADING]
    assert names(publisher) == ["completed.csv"]


def test_files_of_what_was_deleted_past_ckan_go(publisher: Caller) -> None:
    """A statement of the administrator's in the database, say: CKAN itself heard nothing of it. The grace
    begins when the janitor finds it."""
    publisher.publish(filename="goes.csv")
    model.Session.query(model.Resource).filter_by(package_id=publisher.dataset).update({"state": "deleted"})
    model.Session.commit()
    sweep()
    assert names(publisher) == ["goes.csv"]

    days_pass(publisher, 7)
    sweep()

    assert names(publisher) == []
    assert states(publisher) == [RowState.REMOVED]


def test_records_of_purged_datasets_go(portal, publisher: Caller) -> None:
    publisher.publish()
    new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
    assert states(publisher) == [RowState.REMOVED]

    sweep()

    assert states(publisher) == []


def test_a_dry_run_changes_nothing(publisher: Caller) -> None:
    publisher.begin()
    expire(publisher)

    swept = sweep(dry_run=True)

    assert swept.expired >= 1
    assert states(publisher) == [RowState.UPLOADING]


def test_a_failing_store_stops_nothing_but_that_upload(publisher: Caller, s3_server: RunningServer) -> None:
    sweep()
    for name in ("one.csv", "two.csv"):
        publisher.begin(filename=name)
    expire(publisher)
    # The first call with all its retries fails, the second upload's does not.
    s3_server.faults.add("AbortMultipartUpload", status=503, first=4)

    swept = sweep()

    assert swept.failed == 1
    assert states(publisher) == [RowState.ABORTED, RowState.UPLOADING]


def test_an_upload_that_is_being_saved_is_left_alone(publisher: Caller) -> None:
    upload = publisher.upload(filename="saving.csv")
    expire(publisher)
    with model.Session.get_bind().connect() as saving, saving.begin():
        saving.execute(UploadRow.__table__.select().where(UploadRow.id == upload["id"]).with_for_update())

        sweep()

    assert states(publisher) == [RowState.COMPLETED]
    assert names(publisher) == ["saving.csv"]


def test_a_clock_that_is_ahead_removes_nothing_too_soon(
    publisher: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files within their grace, and a prefix that can still be written to."""
    resource = publisher.publish(b"1,2")
    publisher.do("resource_delete", id=resource["id"])
    prefix = publisher.do("s3multipart_credentials", owner=publisher.dataset)["prefix"]
    for module in (model_module, janitor, session_sweep):
        monkeypatch.setattr(module, "now", lambda: datetime.now(timezone.utc) + timedelta(days=60))

    janitor.sweep()

    assert states(publisher) == ["attached"]
    assert publisher.do("s3multipart_credentials", owner=publisher.dataset)["prefix"] == prefix
    publisher.do("resource_create", package_id=publisher.dataset, id=resource["id"], url_type="upload")
    assert (
        publisher.follow(f"/dataset/{publisher.dataset}/resource/{resource['id']}/download").content == b"1,2"
    )


class TestTerminal:
    def test_the_janitor_says_what_it_did(self, cli, publisher: Caller) -> None:
        sweep()
        publisher.begin()
        expire(publisher)

        said = cli.invoke(s3multipart, ["janitor"], catch_exceptions=False)

        assert said.exit_code == 0
        assert "1 uploads that nobody attached in time were removed" in said.output

    def test_the_janitor_fails_where_the_store_does(
        self, cli, publisher: Caller, s3_server: RunningServer
    ) -> None:
        publisher.begin()
        expire(publisher)
        s3_server.faults.add("AbortMultipartUpload", status=503)

        said = cli.invoke(s3multipart, ["janitor", "--json"])

        assert said.exit_code == 1
        assert json.loads(said.output.splitlines()[0])["failed"] == 1

    def test_usage_shows_what_organisations_hold(self, cli, publisher: Caller) -> None:
        publisher.publish(b"12345")

        said = cli.invoke(s3multipart, ["usage", "--json"], catch_exceptions=False)

        [row] = [row for row in json.loads(said.stdout) if row["organisation"] == publisher.organisation]
        assert (row["files"], row["used"], row["allowed"]) == (1, 5, None)

    def test_usage_says_when_there_are_no_files(self, cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ckanext.s3multipart.cli.usage_of", lambda _: SimpleNamespace(files=0))

        said = cli.invoke(s3multipart, ["usage"], catch_exceptions=False)

        assert said.output == "No organisation has any files yet.\n"

    @pytest.mark.parametrize("command", ["janitor", "usage"])
    def test_people_read_sentences(self, cli, publisher: Caller, command: str) -> None:
        publisher.publish()

        said = cli.invoke(s3multipart, [command], catch_exceptions=False)

        assert said.exit_code == 0
        assert "files" in said.output


def test_a_round_can_be_a_background_job(publisher: Caller, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = []

    class Job:
        id = "job-1"

    def enqueue(job, **options) -> type[Job]:
        jobs.append((job, options["rq_kwargs"]))
        return Job

    monkeypatch.setattr(janitor_job.tk, "enqueue_job", enqueue)
    publisher.begin(filename="unfinished.csv")
    expire(publisher)

    said = cli.invoke(s3multipart, ["janitor", "--queue"])

    assert "job-1 was queued" in said.output
    [(job, options)] = jobs
    assert options["timeout"] > 180
    assert states(publisher) == [RowState.UPLOADING], "nothing is done yet"
    job()
    assert states(publisher) == [RowState.ABORTED]
