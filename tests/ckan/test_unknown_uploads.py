"""Multipart uploads without a row: what is certainly ours is aborted after a day, and nothing else."""

import contextlib
import json
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from callers import Caller, new_sysadmin
from ckan import model
from kept_uploads import names, states
from lease_steps import expire_all, unfinished_at_store

from ckanext.s3multipart import site_mark
from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.errors import DatabaseOfAnotherSite
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep import unknown_uploads
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upload_states import RowState
from s3portal.server.testing import RunningServer
from s3portal.transfer import list_uploads

Setting = Callable[[str, object], None]


@pytest.fixture
def a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was begun was begun more than a day ago."""
    monkeypatch.setattr(unknown_uploads, "LEFT_ALONE_FOR", timedelta(0))


def begin_at_store(key: str) -> str:
    """A multipart upload that no row knows; returns its id at the store."""
    client = portal_store().client()
    return str(client.create_multipart_upload(Bucket=portal_store().bucket, Key=key)["UploadId"])


def is_there(key: str) -> bool:
    return any(listed.key == key for listed in list_uploads(portal_store(), key))


def our_key(caller: Caller, **other: str) -> str:
    ids = {"organisation": caller.organisation_id, "dataset": caller.dataset, "upload": str(uuid.uuid4())}
    return "/".join([*{**ids, **other}.values(), "rivers.csv"])


def test_our_own_one_goes_after_a_day(publisher: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    key = our_key(publisher)
    begin_at_store(key)
    sweep()
    assert is_there(key)

    monkeypatch.setattr(unknown_uploads, "LEFT_ALONE_FOR", timedelta(0))
    assert sweep(dry_run=True).unknown >= 1
    assert is_there(key)
    swept = sweep()

    assert swept.unknown >= 1
    assert not is_there(key)


@pytest.mark.parametrize("ours", [True, False])
def test_a_key_that_no_row_can_hold_stops_no_round(publisher: Caller, a_day_later: None, ours: bool) -> None:
    key = our_key(publisher, **({} if ours else {"dataset": "a\x00b"})).replace("rivers", "riv\x00ers")
    with contextlib.suppress(ClientError):
        # The answer repeats the key, and boto3 cannot read that.
        begin_at_store(key)
    assert is_there(key)

    swept = sweep()

    assert swept.failed == 0
    assert is_there(key) == (not ours)


def test_those_that_rows_need_stay(publisher: Caller, a_day_later: None) -> None:
    publisher.begin(filename="sent.csv")

    sweep()

    assert unfinished_at_store(publisher) == ["sent.csv"]
    assert states(publisher) == [RowState.UPLOADING]


def test_a_second_one_to_the_key_of_a_live_upload_goes(publisher: Caller, a_day_later: None) -> None:
    """A creation that was killed, and then repeated with success."""
    upload = publisher.begin(filename="sent.csv")
    row = model.Session.query(UploadRow).filter_by(id=upload["id"]).one()
    second = begin_at_store(row.key)

    sweep()

    assert second not in [listed.s3_upload_id for listed in list_uploads(portal_store(), row.key)]
    assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"


@pytest.mark.parametrize(
    "key",
    [
        "{organisation}/{dataset}/not-an-id/rivers.csv",
        "{organisation}/{dataset}/{new}/folder/rivers.csv",
        "{organisation}/{dataset}/{new}/",
        "{organisation}/{new}/{new}/rivers.csv",
        "{new}/{dataset}/{new}/rivers.csv",
        "{dataset}/{organisation}/{new}/rivers.csv",
        "backups/2026/rivers.csv",
        "other-portal/{organisation}/{dataset}/{new}/rivers.csv",
    ],
)
def test_what_may_be_someone_elses_is_only_reported(publisher: Caller, a_day_later: None, key: str) -> None:
    """Of another portal that shares the bucket, or of a program that is none."""
    key = key.format(organisation=publisher.organisation_id, dataset=publisher.dataset, new=str(uuid.uuid4()))
    begin_at_store(key)
    before = sweep().foreign

    assert before >= 1
    assert is_there(key)
    portal_store().client().abort_multipart_upload(
        Bucket=portal_store().bucket,
        Key=key,
        UploadId=next(iter(list_uploads(portal_store(), key))).s3_upload_id,
    )
    assert sweep().foreign == before - 1


def test_only_our_prefix_is_looked_at(publisher: Caller, a_day_later: None, setting: Setting) -> None:
    key = our_key(publisher)
    begin_at_store(key)
    setting("s3_prefix", "rivers")
    ours = f"rivers/{our_key(publisher)}"
    begin_at_store(ours)

    swept = sweep()

    assert (swept.unknown, swept.foreign) == (1, 0)
    assert is_there(key)
    assert not is_there(ours)


def test_where_listing_is_not_allowed_the_rest_is_done(
    publisher: Caller, a_day_later: None, s3_server: RunningServer, cli
) -> None:
    s3_server.faults.add("ListMultipartUploads", status=403, code="AccessDenied")
    publisher.upload()
    expire_all(publisher)

    said = cli.invoke(s3multipart, ["janitor"], catch_exceptions=False)

    assert said.exit_code == 0
    assert "lifecycle rule" in said.output
    assert names(publisher) == []


def test_a_store_that_fails_while_listing_is_a_failure(s3_server: RunningServer) -> None:
    s3_server.faults.add("ListMultipartUploads", status=503)

    assert sweep().failed == 1


class TestCopiedDatabase:
    """A copy of the database, for a test say, has the same ids: its janitor must not remove what is the
    original's."""

    @pytest.fixture
    def copy(self, publisher: Caller, setting: Setting, a_day_later: None):
        """From here on this is the copy's site, and the original has gone on meanwhile."""
        sweep()
        attached_since = publisher.upload(filename="attached-since.csv")
        setting("site", "staging.example.org")
        yield attached_since
        setting("site", "")
        site_mark.mark_site()

    def test_nothing_is_removed(self, publisher: Caller, copy: dict, cli) -> None:
        key = our_key(publisher)
        begin_at_store(key)
        model.Session.query(UploadRow).update({"expires_at": now() - timedelta(seconds=1)})
        model.Session.commit()

        with pytest.raises(DatabaseOfAnotherSite):
            sweep()
        said = cli.invoke(s3multipart, ["janitor"])

        assert said.exit_code == 1
        assert "staging.example.org" in said.output
        assert names(publisher) == ["attached-since.csv"]
        assert is_there(key)

    def test_what_is_replaced_or_purged_on_the_copy_stays_at_the_store(
        self, portal, publisher: Caller, copy: dict
    ) -> None:
        resource = publisher.attach(copy)
        newer = publisher.upload(b"newer", resource=resource["id"], filename="newer.csv")
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=newer["id"])
        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)

        assert states(publisher) == ["removing", "removing"]
        assert sorted(names(publisher)) == ["attached-since.csv", "newer.csv"]

        # It was no copy after all: the site was renamed.
        site_mark.mark_site()
        sweep()
        assert names(publisher) == []

    def test_a_site_that_was_renamed_says_so_once(self, publisher: Caller, copy: dict, cli) -> None:
        said = cli.invoke(s3multipart, ["janitor", "--this-site", "--json"], catch_exceptions=False)
        assert said.exit_code == 0
        assert json.loads(said.stdout)["failed"] == 0

        assert cli.invoke(s3multipart, ["janitor"], catch_exceptions=False).exit_code == 0
