"""Webhooks: signed, sent again until they are taken, in order, and nobody waits for them."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from ckan.exceptions import CkanConfigurationException
from click.testing import CliRunner
from webhook_receiver import SECRET, Receiver

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import now
from ckanext.s3multipart.outbox import sending
from ckanext.s3multipart.outbox.claims import pause
from ckanext.s3multipart.outbox.event_model import Delivery, Event
from ckanext.s3multipart.outbox.sending import send_waiting
from ckanext.s3multipart.outbox.signing import signature
from ckanext.s3multipart.settings import check_settings
from ckanext.s3multipart.upkeep.doctor import examine
from ckanext.s3multipart.upkeep.janitor import sweep

Setting = Callable[[str, object], None]


@pytest.fixture
def receiver(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The portal's only receiver. No event of other tests is there."""
    model.Session.query(Event).delete()
    model.Session.commit()
    monkeypatch.setattr(sending, "queue_webhooks", lambda: None)
    with Receiver() as listening:
        setting("webhooks", [listening.url])
        setting("webhook_secret", [SECRET])
        yield listening


def deliveries() -> list[Delivery]:
    model.Session.rollback()
    return model.Session.query(Delivery).populate_existing().order_by(Delivery.id).all()


def time_passes(period: timedelta) -> None:
    """Everything happened so much earlier, and is tried again."""
    model.Session.rollback()
    events, rows = Event.__table__, Delivery.__table__
    model.Session.execute(events.update().values(happened_at=events.c.happened_at - period))
    model.Session.execute(rows.update().values(next_at=rows.c.next_at - period))
    model.Session.commit()


def webhooks(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(s3multipart, ["webhooks", *arguments])
    assert result.exit_code == exit_code, result.output
    return result.output


@pytest.mark.smoke
def test_the_life_of_a_file_is_told(publisher: Caller, receiver: Receiver) -> None:
    resource = publisher.publish(b"1,2", filename="gauges.csv")
    newer = publisher.upload(b"3,4,5", filename="new.csv", resource=resource["id"])
    publisher.do("resource_patch", id=resource["id"], s3multipart_upload_id=newer["id"])
    publisher.do("package_delete", id=publisher.dataset)
    new_sysadmin(publisher.app).do("dataset_purge", id=publisher.dataset)

    send_waiting()

    told = [(each.event["type"], each.event["data"]["filename"]) for each in receiver.received]
    assert told[:4] == [
        ("upload.completed", "gauges.csv"),
        ("file.attached", "gauges.csv"),
        ("upload.completed", "new.csv"),
        ("file.replaced", "new.csv"),
    ]
    assert ("file.removed", "new.csv") in told
    attached, replaced = receiver.received[1].event, receiver.received[3].event
    assert attached["data"]["resource"] == resource["id"]
    assert attached["data"]["dataset"] == publisher.dataset
    assert (attached["data"]["size"], attached["data"]["user"]) == (3, publisher.user_id)
    assert attached["data"]["checksum"].startswith("crc64nvme:")
    assert replaced["data"]["replaced"] == attached["data"]["upload"]


class TestRequest:
    def test_it_is_signed_as_standard_webhooks_says(self, publisher: Caller, receiver: Receiver) -> None:
        publisher.upload()
        send_waiting()

        (received,) = receiver.received
        assert received.is_signed_with(SECRET)
        assert received.headers["content-type"] == "application/json"
        assert abs(int(received.headers["webhook-timestamp"]) - now().timestamp()) < 300
        assert len(received.body) < 4096

    def test_the_example_of_the_specification(self) -> None:
        """standardwebhooks.com, the test vector that its libraries share."""
        signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_while_the_secret_is_replaced_both_sign(
        self, publisher: Caller, receiver: Receiver, setting: Setting
    ) -> None:
        new = "whsec_" + "QUJD" * 10
        setting("webhook_secret", [new, SECRET])
        publisher.upload()
        send_waiting()

        assert receiver.received[0].is_signed_with(new)
        assert receiver.received[0].is_signed_with(SECRET)

    def test_redirects_are_not_followed(self, publisher: Caller, receiver: Receiver) -> None:
        receiver.statuses = [307]
        publisher.upload()
        send_waiting()

        assert [each.path for each in receiver.received] == ["/hook"]
        assert deliveries()[0].last_error == "answered 307; redirects are not followed"


class TestReceiverThatFails:
    def test_it_is_told_again_with_the_same_id(self, publisher: Caller, receiver: Receiver) -> None:
        receiver.statuses = [500, 404]
        publisher.upload()

        send_waiting()
        send_waiting()
        assert len(receiver.received) == 1, "not before the pause is over"
        time_passes(timedelta(seconds=10))
        send_waiting()
        time_passes(timedelta(minutes=2))
        send_waiting()

        assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
        assert [(row.state, row.attempts) for row in deliveries()] == [("delivered", 3)]

    def test_the_events_of_a_resource_stay_in_order(
        self, publisher: Caller, another_publisher: Caller, receiver: Receiver
    ) -> None:
        receiver.statuses = [500]
        publisher.publish()
        other = another_publisher.upload(filename="other.csv")

        send_waiting()
        assert [each.event["data"]["upload"] for each in receiver.received][1:] == [other["id"]]
        time_passes(timedelta(seconds=10))
        send_waiting()

        assert receiver.kinds == [
            "upload.completed",
            "upload.completed",
            "upload.completed",
            "file.attached",
        ]

    def test_it_is_given_up_and_counted_and_can_be_tried_again(
        self, publisher: Caller, receiver: Receiver
    ) -> None:
        receiver.statuses = [500, 500]
        publisher.upload()
        send_waiting()
        time_passes(timedelta(days=3))
        send_waiting()

        assert [(row.state, row.last_error) for row in deliveries()] == [("given_up", "answered 500")]
        listed = json.loads(webhooks("list", "--json"))
        assert (listed["given_up"], listed["waiting"]) == (1, 0)
        assert listed["deliveries"][0]["kind"] == "upload.completed"
        assert "1 were given up" in webhooks("list")
        assert any("could not be delivered" in finding.text for finding in examine())
        assert "1 delivered" in webhooks("retry")
        assert webhooks("list", "--all").count("delivered") >= 1
        webhooks("retry", "123456789", exit_code=1)

    def test_the_others_do_not_wait_for_it(
        self, publisher: Caller, receiver: Receiver, setting: Setting
    ) -> None:
        with Receiver() as dead:
            dead.statuses = [500] * 100
            setting("webhooks", [dead.url, receiver.url])
            for _ in range(5):
                publisher.create()
            uploads = [publisher.upload(filename=f"{number}.csv") for number in range(5)]

            send_waiting()

            assert len(dead.received) == 3
        assert len(receiver.received) == len(uploads)

    def test_nobody_listens(self, publisher: Caller, receiver: Receiver, setting: Setting) -> None:
        setting("webhooks", ["http://127.0.0.1:9/hook?token=secret"])

        resource = publisher.publish()
        send_waiting()

        assert publisher.follow(resource["url"]).status_code == 200
        errors = {row.last_error for row in deliveries()} - {None}
        assert errors == {"no answer: it cannot be reached"}
        assert "secret" not in webhooks("list") + str([row.target for row in deliveries()])

    def test_one_that_left_the_settings_is_given_up(
        self, publisher: Caller, receiver: Receiver, setting: Setting
    ) -> None:
        publisher.upload()
        setting("webhooks", [])

        send_waiting()

        assert [row.state for row in deliveries()] == ["given_up"]


class TestOutbox:
    def test_what_is_rolled_back_is_not_told(
        self, publisher: Caller, another_publisher: Caller, receiver: Receiver
    ) -> None:
        upload = publisher.upload()
        refused = another_publisher.call(
            "resource_create", package_id=another_publisher.dataset, s3multipart_upload_id=upload["id"]
        )
        assert refused.status != 200

        send_waiting()

        assert receiver.kinds == ["upload.completed"]

    def test_a_process_that_dies_while_it_sends_leaves_the_event_to_the_janitor(
        self, publisher: Caller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def killed(*_: object) -> None:
            raise Killed

        # What other tests have left behind is told first.
        sweep()
        send_waiting()
        model.Session.execute(Delivery.__table__.delete())
        model.Session.commit()
        receiver.received.clear()

        publisher.upload()
        with monkeypatch.context() as patched:
            patched.setattr(sending, "delivered", killed)
            with pytest.raises(Killed):
                send_waiting()
        sweep()
        assert len(receiver.received) == 1, "its lease lasts"
        rows = Delivery.__table__
        model.Session.execute(rows.update().values(lease_until=rows.c.updated_at))
        model.Session.commit()

        sweep()

        assert receiver.kinds == ["upload.completed"] * 2, "at least once"
        assert [row.state for row in deliveries()] == ["delivered"]

    def test_old_events_are_forgotten(self, publisher: Caller, receiver: Receiver) -> None:
        publisher.upload()
        send_waiting()
        time_passes(timedelta(days=31))

        sweep()

        assert deliveries() == []

    def test_without_receivers_nothing_is_written(
        self, publisher: Caller, receiver: Receiver, setting: Setting
    ) -> None:
        setting("webhooks", [])
        publisher.publish()

        assert deliveries() == []

    def test_pauses_grow(self) -> None:
        pauses = [pause(attempts).total_seconds() for attempts in range(1, 12)]

        assert 4 <= pauses[0] <= 6
        assert pauses[:7] == sorted(pauses[:7])
        assert max(pauses) <= 12 * 3600


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("webhooks", "hooks.example.org"),
            ("webhooks", "ftp://hooks.example.org/"),
            ("webhooks", "https://user:pass@hooks.example.org/"),
            ("webhook_secret", "correct-horse"),
            ("webhook_secret", "whsec_c2hvcnQ="),
            ("webhook_secret", "whsec_***"),
            ("scan", "localhost:3310"),
            ("scan", "clamd://"),
            ("scan", "clamd+unix://"),
            ("scan", "clamd://host:x"),
        ],
    )
    def test_what_cannot_be_used_is_found_at_the_start(self, name: str, value: str) -> None:
        configured = {
            "ckanext.s3multipart.s3_bucket": "river-data",
            f"ckanext.s3multipart.{name}": value,
        }
        with pytest.raises(CkanConfigurationException, match=rf"ckanext\.s3multipart\.{name}") as refused:
            check_settings(configured)
        if name == "webhook_secret":
            assert value not in str(refused.value)

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            (
                "webhooks",
                "https://a.example.org/ https://user:pass@hooks.example.org/",
                "has a URL with a user or password (number 2 of 2), which would not be sent",
            ),
            ("webhooks", "https://a.example.org/#x", "has something that is no URL: write them as in"),
            ("webhook_secret", f"{SECRET},{SECRET}", "has a comma: separate several secrets by spaces"),
        ],
    )
    def test_what_is_wrong_is_said_without_what_was_given(self, name: str, value: str, sentence: str) -> None:
        configured = {
            "ckanext.s3multipart.s3_bucket": "river-data",
            f"ckanext.s3multipart.{name}": value,
        }
        with pytest.raises(CkanConfigurationException) as refused:
            check_settings(configured)
        assert f"ckanext.s3multipart.{name} {sentence}" in str(refused.value)
        assert "pass@" not in str(refused.value)
        assert SECRET not in str(refused.value)

    def test_webhooks_need_a_secret(self) -> None:
        configured = {
            "ckanext.s3multipart.s3_bucket": "river-data",
            "ckanext.s3multipart.webhooks": "https://hooks.example.org/",
        }
        with pytest.raises(CkanConfigurationException, match="webhook_secret is missing"):
            check_settings(configured)
