"""The store is asked without a database connection, and who lost the lease of an upload writes nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from kept_uploads import states
from lease_steps import Setting, expire_all, leases_end, reservations_lapse

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.upload_states import RowState
from ckanext.s3multipart.uploads.portal import PORTAL
from s3portal.portal.protocol import leases
from s3portal.portal.protocol.lease_holders import is_dead, new_token


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


class TestLeaseOfAnotherMachine:
    """Nothing is known of its process, so its lease lasts as long as it says."""

    @pytest.mark.parametrize("state", [RowState.COMPLETING, RowState.ABORTING])
    def test_is_waited_for_until_it_is_over(
        self, publisher: Caller, state: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(leases, "_PATIENCE_S", 0.2)
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

    def test_a_process_that_lost_a_lease_writes_nothing(self, publisher: Caller) -> None:
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
