"""What counts for an organisation's quota: what is stored, and what is being sent as long as it arrives."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from callers import MIB, Caller
from ckan import model
from lease_steps import reservations_lapse
from organisation_members import member_of

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.uploads.quota import usage
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]


@pytest.fixture(autouse=True)
def quota(setting: Setting) -> None:
    """100 bytes for everybody, unless the test says otherwise."""
    setting("org_quota", "100")


def used(caller: Caller) -> int:
    model.Session.rollback()
    return usage(caller.organisation_id).used


def send(part: dict, content: bytes) -> None:
    assert requests.put(part["url"], data=content, timeout=60).status_code == 200


def test_what_can_never_fit_is_refused(publisher: Caller) -> None:
    refused = publisher.create(size=101)

    assert (refused.status, refused.error["code"]) == (409, "quota_exceeded")
    assert (refused.error["used"], refused.error["allowed"], refused.error["given"]) == (0, 100, 101)


def test_an_announced_size_is_reserved_for_a_while_only(publisher: Caller) -> None:
    publisher.create(size=90)
    assert used(publisher) == 90
    assert publisher.create(size=90).error["reserved"] == 90

    reservations_lapse(publisher)

    assert used(publisher) == 0
    assert publisher.create(size=90).status == 200


def test_what_is_stored_of_an_unfinished_upload_counts_on(publisher: Caller, setting: Setting) -> None:
    setting("org_quota", f"{20 * MIB}")
    created = publisher.create(size=11 * MIB).result
    send(created["parts"][0], bytes(5 * MIB))
    publisher.do("s3multipart_upload_show", id=created["upload"]["id"])

    reservations_lapse(publisher)

    assert used(publisher) == 5 * MIB


class TestProgress:
    """Parts that arrive renew a reservation; asking for URLs does not."""

    @pytest.fixture
    def sent(self, publisher: Caller, setting: Setting) -> dict:
        setting("org_quota", f"{20 * MIB}")
        return publisher.create(size=11 * MIB).result

    def grows_old(self, caller: Caller) -> None:
        """More than half of the reservation is over."""
        model.Session.query(UploadRow).filter_by(owner_id=caller.dataset).update(
            {"reserved_until": now() + timedelta(seconds=60)}
        )
        model.Session.commit()

    def lasts_s(self, upload_id: str) -> float:
        row = model.Session.query(UploadRow).filter_by(id=upload_id).populate_existing().one()
        return (row.reserved_until - now()).total_seconds()

    def test_a_part_that_arrived_renews_it_when_more_are_signed(self, publisher: Caller, sent: dict) -> None:
        send(sent["parts"][0], bytes(5 * MIB))
        self.grows_old(publisher)

        publisher.do("s3multipart_upload_sign_parts", id=sent["upload"]["id"], part_numbers=[2])

        assert self.lasts_s(sent["upload"]["id"]) > 600

    def test_signing_alone_does_not(self, publisher: Caller, sent: dict) -> None:
        self.grows_old(publisher)

        publisher.do("s3multipart_upload_sign_parts", id=sent["upload"]["id"], part_numbers=[1, 2])
        publisher.do("s3multipart_credentials", id=sent["upload"]["id"])

        assert self.lasts_s(sent["upload"]["id"]) <= 60

    def test_completing_with_parts_missing_does_not(self, publisher: Caller, sent: dict) -> None:
        self.grows_old(publisher)

        refused = publisher.call("s3multipart_upload_complete", id=sent["upload"]["id"])

        assert refused.error["code"] == "parts_missing"
        assert self.lasts_s(sent["upload"]["id"]) <= 60

    def test_a_store_that_fails_to_complete_costs_no_room(
        self, publisher: Caller, sent: dict, s3_server: RunningServer
    ) -> None:
        for number, part in enumerate(sent["parts"]):
            send(part, bytes(5 * MIB if number < 2 else MIB))
        self.grows_old(publisher)
        s3_server.faults.add("CompleteMultipartUpload", status=403, first=1)

        assert publisher.call("s3multipart_upload_complete", id=sent["upload"]["id"]).status == 502

        assert self.lasts_s(sent["upload"]["id"]) > 600

    def test_the_same_part_again_does_not(self, publisher: Caller, sent: dict) -> None:
        for _ in range(2):
            send(sent["parts"][0], bytes(5 * MIB))
            publisher.do("s3multipart_upload_show", id=sent["upload"]["id"])
            self.grows_old(publisher)

        publisher.do("s3multipart_upload_show", id=sent["upload"]["id"])

        assert self.lasts_s(sent["upload"]["id"]) <= 60

    @pytest.mark.parametrize("call", ["s3multipart_upload_sign_parts", "s3multipart_credentials"])
    def test_lapsed_room_is_taken_again_before_more_is_sent(
        self, publisher: Caller, sent: dict, call: str
    ) -> None:
        asked = {"part_numbers": [2]} if "sign" in call else {}
        reservations_lapse(publisher)
        publisher.do(call, id=sent["upload"]["id"], **asked)
        assert used(publisher) == 11 * MIB

        reservations_lapse(publisher)
        publisher.create(size=15 * MIB)
        refused = publisher.call(call, id=sent["upload"]["id"], **asked)

        assert (refused.status, refused.error["code"]) == (409, "quota_exceeded")
        assert used(publisher) == 15 * MIB

    def test_parts_that_arrive_unseen_keep_the_room_from_others(self, publisher: Caller, sent: dict) -> None:
        """With session credentials nobody asks the portal for an hour: the store tells."""
        send(sent["parts"][0], bytes(5 * MIB))
        reservations_lapse(publisher)

        refused = publisher.create(size=12 * MIB)

        assert refused.error["code"] == "quota_exceeded"
        assert used(publisher) == 11 * MIB

    def test_a_store_that_does_not_answer_keeps_no_room(
        self, publisher: Caller, sent: dict, s3_server: RunningServer
    ) -> None:
        reservations_lapse(publisher)
        s3_server.faults.add("ListParts", status=503, first=4)

        assert publisher.create(size=12 * MIB).status == 200


class TestComplete:
    def test_a_live_reservation_is_never_refused(self, publisher: Caller) -> None:
        upload = publisher.begin(b"x" * 90)
        assert publisher.create(size=20).status == 409

        assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 200

    def test_not_even_where_the_quota_became_smaller(self, publisher: Caller, setting: Setting) -> None:
        upload = publisher.begin(b"x" * 90)
        setting("org_quota", "10")

        assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 200

    def test_a_lapsed_one_is_if_others_have_the_room(self, publisher: Caller) -> None:
        upload = publisher.begin(b"x" * 90)
        reservations_lapse(publisher)
        publisher.create(size=100)
        reservations_lapse(publisher)
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update({"stored_bytes": 0})
        other = publisher.begin(b"y" * 10)
        assert publisher.do("s3multipart_upload_complete", id=other["id"])

        refused = publisher.call("s3multipart_upload_complete", id=upload["id"])

        assert refused.status == 200, "90 and 10 are 100"

    def test_a_lapsed_one_is_refused_and_can_be_completed_when_there_is_room(self, publisher: Caller) -> None:
        upload = publisher.create(size=90).result
        reservations_lapse(publisher)
        other = publisher.upload(b"y" * 20)
        send(upload["parts"][0], b"x" * 90)

        refused = publisher.call("s3multipart_upload_complete", id=upload["upload"]["id"])
        assert (refused.status, refused.error["code"]) == (409, "quota_exceeded")

        publisher.do("s3multipart_upload_abort", id=other["id"])
        assert publisher.call("s3multipart_upload_complete", id=upload["upload"]["id"]).status == 200


class TestDeleted:
    def test_files_of_deleted_datasets_count_and_the_refusal_says_so(self, publisher: Caller) -> None:
        publisher.publish(b"x" * 60)
        publisher.do("package_delete", id=publisher.dataset)
        other = publisher.do(
            "package_create", name=f"{publisher.name}-2", owner_org=publisher.organisation_id
        )

        refused = publisher.create(owner=other["id"], size=60)

        assert (refused.status, refused.error["used"], refused.error["deleted"]) == (409, 60, 60)
        assert "60 bytes by deleted datasets" in refused.error["message"]

    def test_there_is_room_as_soon_as_an_administrator_removes_them(self, publisher: Caller) -> None:
        publisher.publish(b"x" * 60)
        publisher.do("package_delete", id=publisher.dataset)
        other = publisher.do(
            "package_create", name=f"{publisher.name}-2", owner_org=publisher.organisation_id
        )
        admin = member_of(publisher, "admin")

        admin.do("s3multipart_deleted_files_remove", organization=publisher.organisation_id)

        assert publisher.create(owner=other["id"], size=60).status == 200

    def test_files_of_deleted_resources_count_too(self, publisher: Caller) -> None:
        resource = publisher.publish(b"x" * 60)

        publisher.do("resource_delete", id=resource["id"])

        assert publisher.create(size=60).error["deleted"] == 60


def test_many_at_once_never_take_more_than_there_is(publisher: Caller) -> None:
    lapsed = publisher.create(size=40).result["upload"]
    reservations_lapse(publisher)

    def ask(number: int):
        if number % 2:
            return publisher.call("s3multipart_upload_sign_parts", id=lapsed["id"], part_numbers=[1])
        return publisher.create(size=40)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(12)))

    assert {answer.status for answer in answers} <= {200, 409}
    assert used(publisher) == 80
