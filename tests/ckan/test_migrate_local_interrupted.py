"""`ckan s3multipart migrate`, killed in the middle and with a store that fails."""

import pytest
from callers import Caller
from killed import AFTER, BEFORE, ended
from killed_ckan import in_another_process
from migrated_files import LARGE, Migration, download, object_of, row_of
from migrated_files import migration as migration  # a fixture
from migrated_files import storage as storage  # a fixture

from ckanext.s3multipart.settings import portal_store
from s3portal.server.testing import RunningServer


class TestKilled:
    @pytest.mark.parametrize(
        ("moment", "operation"),
        [(AFTER, "UploadPart"), (BEFORE, "CompleteMultipartUpload"), (AFTER, "CompleteMultipartUpload")],
    )
    def test_a_copy_that_was_killed_continues(
        self, migration: Migration, publisher: Caller, s3_server: RunningServer, moment: str, operation: str
    ) -> None:
        resource = publisher.upload_through_ckan(LARGE, "large.nc")

        killed = in_another_process(lambda: migration.run("copy"), killed_at=(moment, operation))
        assert ended(killed) == "killed"
        assert migration.lines() == []
        assert "1 files copied" in migration.run("copy")
        migration.run("apply")

        assert object_of(row_of(resource)) == LARGE
        listed = portal_store().client().list_multipart_uploads(Bucket=portal_store().bucket)
        assert publisher.dataset not in str(listed.get("Uploads", []))

    def test_parts_that_are_there_are_not_sent_again(
        self, migration: Migration, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resource = publisher.upload_through_ckan(LARGE, "large.nc")
        assert (
            ended(
                in_another_process(
                    lambda: migration.run("copy"), killed_at=(BEFORE, "CompleteMultipartUpload")
                )
            )
            == "killed"
        )
        sent: list[int] = []
        portal_store().client().meta.events.register_first(
            "before-send.s3.UploadPart", lambda **_: sent.append(1), unique_id="count parts"
        )

        migration.run("copy")

        portal_store().client().meta.events.unregister("before-send.s3.UploadPart", unique_id="count parts")
        assert sent == []
        migration.run("apply")
        assert object_of(row_of(resource)) == LARGE

    def test_an_apply_that_was_killed_continues(self, migration: Migration, publisher: Caller) -> None:
        resources = [publisher.upload_through_ckan(f"{n}".encode(), f"{n}.csv") for n in range(3)]
        migration.run("copy")
        killed = in_another_process(lambda: migration.run("apply"), killed_at=(AFTER, "HeadObject"))
        assert ended(killed) == "killed"

        migration.run("apply")

        assert all(row_of(each) is not None for each in resources)
        assert [download(publisher, each) for each in resources] == [b"0", b"1", b"2"]


class TestStore:
    def test_a_part_that_was_damaged_on_the_way_is_not_taken(
        self, migration: Migration, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publisher.upload_through_ckan(b"1,2", "rivers.csv")
        events = portal_store().client().meta.events

        def damage(request, **_) -> None:
            request.body = b"1,3"

        events.register_first("before-send.s3.UploadPart", damage, unique_id="damage")
        try:
            said = migration.run("copy", fails=True)
        finally:
            events.unregister("before-send.s3.UploadPart", unique_id="damage")

        assert "rivers.csv" in said
        assert migration.lines() == []

    def test_something_else_under_the_key_is_not_taken_for_the_file(
        self, migration: Migration, publisher: Caller
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        migration.run("copy")
        [line] = migration.lines()
        portal_store().client().put_object(
            Bucket=portal_store().bucket, Key=line["new"]["upload"]["key"], Body=b"9,9"
        )

        said = migration.run("apply", fails=True)
        assert "no longer in the store" in said
        assert row_of(resource) is None
        migration.mapping.unlink()
        assert "written by something else" in migration.run("copy", fails=True)

    def test_a_store_that_is_away_is_said_once_and_nothing_is_lost(
        self, migration: Migration, publisher: Caller, s3_server: RunningServer
    ) -> None:
        resource = publisher.upload_through_ckan(b"1,2", "rivers.csv")
        s3_server.faults.add("ListObjectsV2", status=503)
        assert "The store cannot be used" in migration.run("copy", fails=True)
        s3_server.faults.clear()

        s3_server.faults.add("UploadPart", status=503)
        assert "1 failed" in migration.run("copy", fails=True)
        s3_server.faults.clear()
        migration.run("copy")
        migration.run("apply")
        assert object_of(row_of(resource)) == b"1,2"
