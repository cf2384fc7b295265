"""A process that dies while it asks the store loses and doubles nothing: whatever moment it dies at, the same
call again makes it good.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from callers import Caller
from ckan import model
from kept_uploads import names, states
from killed import AFTER, BEFORE, ended
from killed_ckan import in_another_process
from lease_steps import Setting, expire_all, leases_end, reservations_lapse, rows_of, unfinished_at_store

from ckanext.s3multipart.permission import Owner
from ckanext.s3multipart.upkeep import unknown_uploads
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.portal import PORTAL
from ckanext.s3multipart.uploads.quota import usage
from ckanext.s3multipart.uploads.removal import mark_file_of_resource
from s3portal.portal.protocol import Wanted, abort, begin, complete
from s3portal.server.testing import RunningServer


def wanted(caller: Caller, size_bytes: int = 3, filename: str = "rivers.csv", key: str | None = "key"):
    """What `Caller.create` asks for, as the action hands it on."""
    return Wanted(
        user=caller.user_id,
        owner=Owner(caller.dataset, caller.organisation_id),
        filename=filename,
        size_bytes=size_bytes,
        content_type="text/csv",
        fingerprint="",
        round_trip_ms=None,
        idempotency_key=key,
    )


class TestCreateThatIsKilled:
    @pytest.mark.parametrize("moment", [BEFORE, AFTER])
    def test_the_same_call_again_makes_one_upload(
        self, publisher: Caller, moment: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = wanted(publisher)
        dying = in_another_process(lambda: begin(PORTAL, asked), killed_at=(moment, "CreateMultipartUpload"))
        assert ended(dying) == "killed"
        assert states(publisher) == [RowState.CREATING]

        created = publisher.create(idempotency_key="key").result

        assert states(publisher) == [RowState.UPLOADING]
        assert requests.put(created["parts"][0]["url"], data=b"1,2", timeout=60).status_code == 200
        assert (
            publisher.do("s3multipart_upload_complete", id=created["upload"]["id"])["state"]
            == RowState.COMPLETED
        )
        # What the dead process left at the store goes a day later.
        monkeypatch.setattr(unknown_uploads, "LEFT_ALONE_FOR", timedelta(0))
        sweep()
        assert unfinished_at_store(publisher) == []
        assert names(publisher) == ["rivers.csv"]

    @pytest.mark.parametrize("moment", [BEFORE, AFTER])
    def test_the_janitor_removes_what_no_one_asks_for_again(self, publisher: Caller, moment: str) -> None:
        asked = wanted(publisher)
        assert (
            ended(
                in_another_process(lambda: begin(PORTAL, asked), killed_at=(moment, "CreateMultipartUpload"))
            )
            == "killed"
        )
        leases_end(publisher)
        expire_all(publisher)

        sweep()

        assert unfinished_at_store(publisher) == []
        assert states(publisher) == [RowState.ABORTED]

    def test_a_store_that_refuses_leaves_no_row(self, publisher: Caller, s3_server: RunningServer) -> None:
        s3_server.faults.add("CreateMultipartUpload", status=403)

        assert publisher.create().status == 502

        assert states(publisher) == []


class TestCompleteThatIsKilled:
    @pytest.mark.parametrize("moment", [BEFORE, AFTER])
    @pytest.mark.parametrize("operation", ["ListParts", "CompleteMultipartUpload", "HeadObject"])
    @pytest.mark.parametrize("call", ["s3multipart_upload_complete", "s3multipart_upload_show"])
    def test_is_made_good(self, publisher: Caller, moment: str, operation: str, call: str) -> None:
        upload = publisher.begin(b"1,2")
        dying = in_another_process(
            lambda: complete(PORTAL, upload["id"]),
            killed_at=(moment, operation),
        )
        assert ended(dying) == "killed"
        assert states(publisher) == [RowState.COMPLETING]

        shown = publisher.do(call, id=upload["id"])

        done_at_store = operation == "HeadObject" or (operation, moment) == ("CompleteMultipartUpload", AFTER)
        assert shown["state"] == (
            RowState.COMPLETED if done_at_store or "complete" in call else RowState.UPLOADING
        )
        resource = publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"]))
        assert publisher.follow(resource["url"]).content == b"1,2"

    def test_many_calls_beside_one_that_dies_complete_once(self, publisher: Caller) -> None:
        upload = publisher.begin(b"1,2")
        dying = in_another_process(
            lambda: complete(PORTAL, upload["id"]),
            killed_at=(AFTER, "CompleteMultipartUpload"),
        )
        with ThreadPoolExecutor(4) as pool:
            answers = list(
                pool.map(lambda _: publisher.call("s3multipart_upload_complete", id=upload["id"]), range(8))
            )
        assert ended(dying) in ("killed", "done")
        assert {answer.status for answer in answers} <= {200, 503}

        completed = publisher.do("s3multipart_upload_complete", id=upload["id"])

        assert {answer.result["checksum"]["value"] for answer in answers if answer.status == 200} <= {
            completed["checksum"]["value"]
        }
        assert names(publisher) == ["rivers.csv"]


class TestAbortThatIsKilled:
    @pytest.mark.parametrize("moment", [BEFORE, AFTER])
    @pytest.mark.parametrize("completed", [False, True])
    def test_is_made_good(self, publisher: Caller, moment: str, completed: bool) -> None:
        upload = publisher.upload() if completed else publisher.begin()
        dying = in_another_process(
            lambda: abort(PORTAL, upload["id"]), killed_at=(moment, "AbortMultipartUpload")
        )
        assert ended(dying) == "killed"
        assert states(publisher) == [RowState.ABORTING]
        refused = publisher.call(
            "resource_create", package_id=publisher.dataset, s3multipart_upload_id=upload["id"]
        )
        assert refused.status == 409, "what is being given up is not attached"

        assert publisher.do("s3multipart_upload_abort", id=upload["id"])["state"] == RowState.ABORTED

        assert names(publisher) == []
        assert unfinished_at_store(publisher) == []

    def test_the_janitor_makes_it_good_too(self, publisher: Caller) -> None:
        upload = publisher.upload()
        dying = in_another_process(
            lambda: abort(PORTAL, upload["id"]), killed_at=(BEFORE, "AbortMultipartUpload")
        )
        assert ended(dying) == "killed"
        leases_end(publisher)
        expire_all(publisher)

        sweep()

        assert states(publisher) == [RowState.ABORTED]
        assert names(publisher) == []


class TestRemovalThatIsKilled:
    @pytest.mark.parametrize("moment", [BEFORE, AFTER])
    def test_is_made_good_by_the_janitor(self, publisher: Caller, setting: Setting, moment: str) -> None:
        setting("delete_grace", 0)
        resource = publisher.publish(b"goes", filename="goes.csv")

        def remove() -> None:
            mark_file_of_resource(resource["id"])
            model.Session.commit()

        assert ended(in_another_process(remove, killed_at=(moment, "DeleteObject"))) == "killed"
        sweep()
        assert states(publisher) == ["removing"], "whoever has the lease may still be at it"

        leases_end(publisher)
        sweep()

        assert names(publisher) == []
        assert states(publisher) == ["removed"]


class TestQuotaWithKills:
    @pytest.mark.parametrize("moment", [BEFORE, AFTER])
    def test_what_is_let_in_fits_no_matter_which_process_dies(
        self, publisher: Caller, setting: Setting, moment: str
    ) -> None:
        """Eight processes want 40 bytes each of 100, and half of them die."""
        setting("org_quota", "100")
        asked = [wanted(publisher, 40, f"{number}.csv", f"key {number}") for number in range(8)]
        processes = [
            in_another_process(
                lambda each=each: begin(PORTAL, each),
                killed_at=(moment, "CreateMultipartUpload") if number % 2 else None,
            )
            for number, each in enumerate(asked)
        ]

        ways = [ended(process) for process in processes]

        let_in = len(rows_of(publisher))
        assert let_in == 2, ways
        assert let_in == ways.count("killed") + ways.count("done")
        assert usage(publisher.organisation_id).used == 80
        # What the dead reserved is free again when nothing comes of it.
        reservations_lapse(publisher)
        assert usage(publisher.organisation_id).used == 0

    def test_a_killed_create_is_repeated_only_where_there_is_room(
        self, publisher: Caller, setting: Setting
    ) -> None:
        """Its reservation lapsed, and somebody else has the room."""
        setting("org_quota", "100")
        asked = wanted(publisher, 60, "dead.csv", "dead")
        dying = in_another_process(lambda: begin(PORTAL, asked), killed_at=(AFTER, "CreateMultipartUpload"))
        assert ended(dying) == "killed"
        reservations_lapse(publisher)
        assert publisher.create(size=60, filename="living.csv").status == 200

        again = publisher.create(size=60, filename="dead.csv", idempotency_key="dead")

        assert (again.status, again.error["code"]) == (409, "quota_exceeded")
        assert usage(publisher.organisation_id).used == 60

    def test_a_killed_complete_keeps_its_room(self, publisher: Caller, setting: Setting) -> None:
        setting("org_quota", "100")
        upload = publisher.begin(b"x" * 60)
        dying = in_another_process(
            lambda: complete(PORTAL, upload["id"]),
            killed_at=(AFTER, "CompleteMultipartUpload"),
        )
        assert ended(dying) == "killed"
        reservations_lapse(publisher)

        assert publisher.create(size=60).error["code"] == "quota_exceeded"
        leases_end(publisher)
        publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"]))

        assert states(publisher) == [RowState.ATTACHED]
