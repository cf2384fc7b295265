"""The store is asked without a database connection, and a process that dies meanwhile loses and doubles
nothing: whatever moment it dies at, the same call again makes it good."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from callers import Answer, Caller, new_sysadmin
from ckan import model
from killed import AFTER, BEFORE, ended
from killed_ckan import in_another_process
from test_removal import names, states
from waiting import wait_until

from ckanext.s3multipart import unknown_uploads
from ckanext.s3multipart.janitor import sweep
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.permission import Owner
from ckanext.s3multipart.portal import PORTAL
from ckanext.s3multipart.quota import usage
from ckanext.s3multipart.removal import mark_file_of_resource
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upload_states import RowState
from s3portal.portal.protocol import Wanted, abort, begin, complete
from s3portal.portal.protocol.lease_holders import is_dead, new_token
from s3portal.server.testing import RunningServer
from s3portal.transfer import CALL, COMPLETE, list_uploads

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


class TestNoConnection:
    @pytest.fixture
    def held(self, portal) -> Iterator[list[tuple[str, int]]]:
        """Which requests were sent to the store, and how many database connections were in use then."""
        seen: list[tuple[str, int]] = []

        def look(event_name: str, **_: Any) -> None:
            seen.append((event_name.rsplit(".")[-1], model.Session.get_bind().pool.checkedout()))

        store = portal_store()
        events = [client.meta.events for client in (store.client(), store.sts_client())]
        for emitter in events:
            emitter.register("before-send", look)
        yield seen
        for emitter in events:
            emitter.unregister("before-send", look)

    def test_is_held_while_the_store_is_asked(
        self, portal, publisher: Caller, setting: Setting, held: list[tuple[str, int]]
    ) -> None:
        setting("org_quota", "1 GB")
        in_use = model.Session.get_bind().pool.checkedout()
        admin = new_sysadmin(portal)

        upload = publisher.begin()
        publisher.do("s3multipart_upload_show", id=upload["id"])
        publisher.do("s3multipart_credentials", id=upload["id"])
        reservations_lapse(publisher)
        publisher.do("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=[1])
        completed = publisher.do("s3multipart_upload_complete", id=upload["id"])
        publisher.do("s3multipart_upload_abort", id=publisher.upload()["id"])
        new = publisher.upload(b"new")
        before_saves = len(held)
        resource = publisher.attach(completed)
        publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=new["id"])
        # CKAN's own transaction is open there, so what a save asks the store is a look of a second at most.
        saves = [each for each in held[before_saves:] if each[0] == "HeadObject"]
        publisher.begin()
        expire_all(publisher)
        sweep()
        admin.do("dataset_purge", id=publisher.dataset)

        asked = {operation for operation, _ in held}
        assert asked >= {
            "CreateMultipartUpload",
            "ListParts",
            "AssumeRole",
            "CompleteMultipartUpload",
            "HeadObject",
            "AbortMultipartUpload",
            "DeleteObject",
            "ListMultipartUploads",
        }
        others = list((Counter(held) - Counter(saves)).elements())
        assert {operation for operation, connections in others if connections > in_use} == set()


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
    def test_the_janitor_removes_what_nobody_asks_for_again(self, publisher: Caller, moment: str) -> None:
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
    def test_what_is_let_in_fits_whoever_dies(self, publisher: Caller, setting: Setting, moment: str) -> None:
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


class TestLeaseOfAnotherMachine:
    """Nothing is known of its process, so its lease lasts as long as it says."""

    @pytest.mark.parametrize("state", [RowState.COMPLETING, RowState.ABORTING])
    def test_is_waited_for_until_it_is_over(self, publisher: Caller, state: str) -> None:
        upload = publisher.begin()
        lease = {
            "state": state,
            "lease_token": "another-host 1 2 x",
            "lease_until": now() + timedelta(hours=1),
        }
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update(lease)
        model.Session.commit()

        for call in ("s3multipart_upload_complete", "s3multipart_upload_abort"):
            refused = publisher.call(call, id=upload["id"])
            assert (refused.status, refused.error["code"]) == (503, "store_busy")
            assert refused.error["retry_after_s"] >= 1
        assert states(publisher) == [state]

        leases_end(publisher)
        assert publisher.do("s3multipart_upload_abort", id=upload["id"])["state"] == RowState.ABORTED

    def test_whoever_lost_a_lease_writes_nothing(self, publisher: Caller) -> None:
        upload = publisher.begin()
        slow = PORTAL.rows.take(upload["id"], RowState.COMPLETING, before=(RowState.UPLOADING,))
        leases_end(publisher)
        publisher.do("s3multipart_upload_abort", id=upload["id"])

        assert not PORTAL.rows.record(slow, replace(slow.upload, state=RowState.COMPLETED))
        assert not PORTAL.rows.give_back(slow)

        assert states(publisher) == [RowState.ABORTED]


def test_a_process_is_dead_when_it_is_gone_or_another_has_its_id() -> None:
    assert not is_dead(new_token())
    host, process_id, start, lease = new_token().split(" ")
    assert is_dead(f"{host} {process_id} {int(start) + 1} {lease}")
    assert not is_dead(f"another-host {process_id} 0 {lease}")
    assert not is_dead("what an earlier version wrote")


class TestStoreThatHangs:
    def test_few_calls_wait_and_the_portal_answers(self, publisher: Caller, s3_server: RunningServer) -> None:
        """Twice as many calls as the database has connections for."""
        publisher.create()
        hold = s3_server.faults.hold("CreateMultipartUpload")
        answers: list[Answer] = []
        calls = [
            threading.Thread(target=lambda: answers.append(publisher.create(filename="held.csv")))
            for _ in range(30)
        ]
        for call in calls:
            call.start()

        wait_until(lambda: len(answers) >= len(calls) - CALL.places, "all but a few are refused")
        assert publisher.call("status_show").status == 200
        assert publisher.call("package_show", id=publisher.dataset).status == 200
        refused = list(answers)

        hold.release()
        for call in calls:
            call.join()
        assert {answer.status for answer in refused} == {503}
        assert {answer.status for answer in answers} <= {200, 503}
        # Nothing is left of those that were refused.
        let_in = [answer for answer in answers if answer.status == 200]
        assert len(rows_of(publisher)) == 1 + len(let_in)

    def test_completes_of_one_user_leave_places_to_others(
        self, publisher: Caller, another_publisher: Caller, s3_server: RunningServer
    ) -> None:
        uploads = [publisher.begin(filename=f"{number}.csv") for number in range(6)]
        other = another_publisher.begin()
        hold = s3_server.faults.hold("CompleteMultipartUpload")
        answers: list[Answer] = []

        def complete(caller: Caller, upload: dict) -> None:
            answers.append(caller.call("s3multipart_upload_complete", id=upload["id"]))

        calls = [threading.Thread(target=complete, args=(publisher, upload)) for upload in uploads]
        for call in calls:
            call.start()
        wait_until(lambda: len(answers) == 6 - COMPLETE.places_for_a_user, "two of one user are let in")
        assert {answer.error["code"] for answer in answers} == {"store_busy"}
        calls.append(threading.Thread(target=complete, args=(another_publisher, other)))
        calls[-1].start()
        wait_until(lambda: states(another_publisher) == [RowState.COMPLETING], "the other one is let in")
        hold.release()
        for call in calls:
            call.join()

        assert [answer.status for answer in answers].count(200) == COMPLETE.places_for_a_user + 1
        for upload in uploads:
            assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == RowState.COMPLETED


class TestStoreThatIsAway:
    def test_calls_are_refused_at_once_with_the_time_to_come_again(
        self, publisher: Caller, s3_server: RunningServer
    ) -> None:
        s3_server.faults.add("CreateMultipartUpload", status=503)
        for _ in range(3):
            assert publisher.create().error["code"] == "store_unavailable"

        response = publisher.client().post(
            "/api/3/action/s3multipart_upload_create",
            json={"owner": publisher.dataset, "filename": "a.csv", "size": 3},
            headers=publisher.headers,
        )

        assert response.status_code == 503
        assert response.get_json()["error"]["code"] == "store_busy"
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert publisher.call("package_show", id=publisher.dataset).status == 200
        assert states(publisher) == []

    def test_a_complete_that_the_store_does_not_answer_can_be_repeated(
        self, publisher: Caller, s3_server: RunningServer
    ) -> None:
        upload = publisher.begin()
        s3_server.faults.add("CompleteMultipartUpload", status=503, first=4)

        assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 503
        assert states(publisher) == [RowState.UPLOADING]

        assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == RowState.COMPLETED
