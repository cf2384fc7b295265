"""`IS3Multipart`: other extensions take part in every way in and out, and their mistakes lose nothing."""

import logging
from collections.abc import Iterator

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from example_plugin import ExamplePlugin, OldPlugin
from kept_uploads import states, stored_keys
from loaded_plugins import loaded
from session_writers import listed_by_name, post_form, save, writer

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.outbox.event_model import Delivery
from ckanext.s3multipart.upkeep.janitor import sweep


@pytest.fixture(scope="module")
def loaded_example(ckan_app) -> Iterator[ExamplePlugin]:
    with loaded(example=ExamplePlugin) as (plugin,):
        yield plugin


@pytest.fixture
def example(loaded_example: ExamplePlugin) -> Iterator[ExamplePlugin]:
    """The example plugin, which has not been called and makes no mistakes."""
    loaded_example.calls.clear()
    loaded_example.mistakes.clear()
    yield loaded_example
    loaded_example.mistakes.clear()


def row_of(upload: dict) -> UploadRow:
    model.Session.rollback()
    return model.Session.get(UploadRow, upload["id"], populate_existing=True)


@pytest.mark.smoke
def test_a_plugin_is_asked_and_told_of_everything(publisher: Caller, example: ExamplePlugin) -> None:
    resource = publisher.publish(b"1,2", filename="gauges.csv")
    publisher.follow(resource["url"])
    publisher.attach(publisher.upload(b"3,4,5", filename="new.csv", resource=resource["id"]), id=None)
    publisher.do("package_delete", id=publisher.dataset)
    publisher_is_sysadmin = new_sysadmin(publisher.app)
    publisher_is_sysadmin.do("dataset_purge", id=publisher.dataset)

    assert [name for name, _ in example.calls][:5] == [
        "before_create",
        "key_owner",
        "after_complete",
        "after_attach",
        "before_download",
    ]
    (wanted, _) = example.of("before_create")
    assert (wanted.dataset_id, wanted.organisation_id) == (publisher.dataset, publisher.organisation_id)
    assert (wanted.user_id, wanted.filename, wanted.size_bytes) == (publisher.user_id, "gauges.csv", 3)
    assert (wanted.content_type, wanted.way, wanted.resource_id) == ("text/csv", "upload", "")
    completed, attached = example.of("after_complete")[0], example.of("after_attach")[0]
    assert completed.checksum.startswith("crc64nvme:")
    assert (completed.resource_id, completed.etag) == (attached.resource_id, attached.etag)
    assert attached.resource_id == resource["id"]
    assert {file.filename for file in example.of("after_remove")} >= {"gauges.csv"}


class TestBeforeCreate:
    @pytest.mark.smoke
    def test_a_refusal_is_the_answer(self, publisher: Caller, example: ExamplePlugin) -> None:
        answer = publisher.create(filename="setup.exe")

        assert (answer.status, answer.error["code"]) == (422, "refused_by_extension")
        assert answer.error["message"] == "Programs are not accepted here. Publish the source instead."
        assert answer.error["plugin"] == "example"
        assert states(publisher) == []

    def test_a_mistake_is_logged_with_the_plugins_name_and_nothing_is_begun(
        self, publisher: Caller, example: ExamplePlugin, caplog: pytest.LogCaptureFixture
    ) -> None:
        example.mistakes["before_create"] = ZeroDivisionError("a mistake")

        with caplog.at_level(logging.ERROR):
            answer = publisher.create()

        assert (answer.status, answer.error["code"]) == (500, "extension_failed")
        assert "example" in answer.error["message"]
        assert "a mistake" not in str(answer.body), "what it raised is for the log"
        assert "The plugin example failed in before_create" in caplog.text
        assert states(publisher) == []

    def test_files_of_session_credentials_and_forms_are_asked_about(
        self, publisher: Caller, example: ExamplePlugin
    ) -> None:
        own = writer(publisher)
        own.put("good.csv")
        own.put("bad.exe")
        post_form(publisher, filename="posted.exe")

        found = listed_by_name(publisher)

        assert found["good.csv"]["state"] == "completed"
        assert found["bad.exe"]["state"] == found["posted.exe"]["state"] == "refused"
        assert found["bad.exe"]["refusal"]["message"].startswith("Programs are not accepted")
        assert {wanted.way for wanted in example.of("before_create")} == {"session"}

    def test_a_mistake_refuses_no_file_for_good(self, publisher: Caller, example: ExamplePlugin) -> None:
        example.mistakes["before_create"] = RuntimeError("not now")
        writer(publisher).put("good.csv")
        assert listed_by_name(publisher) == {}

        example.mistakes.clear()

        assert listed_by_name(publisher)["good.csv"]["state"] == "completed"


class TestKeyOwner:
    def test_a_plugin_chooses_the_folder(self, publisher: Caller, example: ExamplePlugin) -> None:
        upload = publisher.upload(b"raw", filename="sensor.raw")

        assert row_of(upload).key == f"raw-data/2026/{upload['id']}/sensor.raw"
        resource = publisher.attach(upload)
        assert publisher.follow(resource["url"]).content == b"raw"

    def test_of_files_of_session_credentials_too(self, publisher: Caller, example: ExamplePlugin) -> None:
        writer(publisher).put("sensor.raw", b"raw")

        upload = listed_by_name(publisher)["sensor.raw"]

        assert upload["state"] == "completed"
        assert row_of(upload).key.startswith("raw-data/2026/")

    @pytest.mark.parametrize("folder", ["", "/", "../x", "a/b/c", "a//b", "a/..", "ä", "a b", "a/", 5, "a*"])
    def test_what_is_no_folder_is_the_plugins_mistake(
        self,
        publisher: Caller,
        example: ExamplePlugin,
        monkeypatch: pytest.MonkeyPatch,
        folder: object,
    ) -> None:
        monkeypatch.setattr(ExamplePlugin, "key_owner", lambda self, wanted: folder)

        answer = publisher.create()

        assert (answer.status, answer.error["code"]) == (500, "extension_failed")
        assert states(publisher) == []

    @pytest.mark.parametrize("folder", ["public", "public/raw"])
    def test_the_folder_that_everybody_may_read_is_no_plugins(
        self,
        publisher: Caller,
        example: ExamplePlugin,
        monkeypatch: pytest.MonkeyPatch,
        folder: str,
    ) -> None:
        monkeypatch.setattr(ExamplePlugin, "key_owner", lambda self, wanted: folder)

        answer = publisher.create()

        assert (answer.status, answer.error["code"]) == (500, "extension_failed")
        assert states(publisher) == []


class TestAfterComplete:
    def test_a_veto_removes_the_file_and_says_why(self, publisher: Caller, example: ExamplePlugin) -> None:
        upload = publisher.begin(filename="broken.csv")

        answers = [publisher.call("s3multipart_upload_complete", id=upload["id"]) for _ in range(2)]

        for answer in answers:
            assert (answer.status, answer.error["code"]) == (422, "refused_by_extension")
            assert answer.error["message"] == "broken.csv cannot be read. Export it again."
        assert len(example.of("after_complete")) == 1
        assert stored_keys(publisher) == []
        assert listed_by_name(publisher)["broken.csv"]["refusal"]["message"].startswith("broken.csv cannot")
        saved = save(publisher, upload)
        assert saved.status == 409 or saved.status == 422
        assert "cannot be read" in str(saved.body)
        publisher.do("s3multipart_upload_abort", id=upload["id"])
        assert listed_by_name(publisher) == {}

    def test_files_of_session_credentials_are_asked_about(
        self, publisher: Caller, example: ExamplePlugin
    ) -> None:
        own = writer(publisher)
        own.put("good.csv")
        own.put("broken.csv")
        listed_by_name(publisher)

        sweep()

        found = listed_by_name(publisher)
        assert found["good.csv"]["state"] == "completed"
        assert found["broken.csv"]["refusal"]["code"] == "refused_by_extension"

    def test_a_mistake_leaves_the_file_waiting(self, publisher: Caller, example: ExamplePlugin) -> None:
        example.mistakes["after_complete"] = KeyError("column")
        upload = publisher.begin()

        answer = publisher.call("s3multipart_upload_complete", id=upload["id"])

        assert (answer.status, answer.error["code"]) == (500, "extension_failed")
        assert publisher.do("s3multipart_upload_show", id=upload["id"])["state"] == "quarantined"
        assert save(publisher, upload).error["code"] == "being_checked"
        assert len(stored_keys(publisher)) == 1

        example.mistakes.clear()
        swept = sweep()

        assert swept.accepted >= 1
        assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"
        publisher.attach(upload)

    def test_what_waits_can_be_discarded(self, publisher: Caller, example: ExamplePlugin) -> None:
        example.mistakes["after_complete"] = KeyError("column")
        upload = publisher.begin()
        publisher.call("s3multipart_upload_complete", id=upload["id"])

        publisher.do("s3multipart_upload_abort", id=upload["id"])

        assert stored_keys(publisher) == []


class TestAfterAttachAndRemove:
    def test_a_mistake_leaves_the_resource_saved_and_is_told_again(
        self, publisher: Caller, example: ExamplePlugin
    ) -> None:
        example.mistakes["after_attach"] = RuntimeError("not now")

        resource = publisher.publish()

        assert publisher.follow(resource["url"]).content == b"1,2"
        assert waiting(resource) == [("plugin example", 1, "not now")]
        example.mistakes.clear()
        due_now(resource)
        sweep()
        assert [file.resource_id for file in example.of("after_attach")] == [resource["id"]] * 2
        assert waiting(resource) == []

    def test_nobody_is_told_of_a_save_that_is_refused(
        self, publisher: Caller, another_publisher: Caller, example: ExamplePlugin
    ) -> None:
        answer = save(another_publisher, publisher.upload())

        assert answer.status != 200
        assert example.of("after_attach") == []

    def test_a_plugin_may_use_the_database(
        self, publisher: Caller, example: ExamplePlugin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        def after_attach(self: ExamplePlugin, file) -> None:
            resource = model.Session.get(model.Resource, file.resource_id)
            resource.extras = {**(resource.extras or {}), "noted": "yes"}
            seen.append(resource.url_type)
            model.Session.commit()

        monkeypatch.setattr(ExamplePlugin, "after_attach", after_attach)

        resource = publisher.publish()

        assert seen == ["upload"]
        model.Session.rollback()
        assert model.Resource.get(resource["id"]).extras["noted"] == "yes"


class TestBeforeDownload:
    def test_a_refusal_is_the_page(
        self, publisher: Caller, anonymous: Caller, example: ExamplePlugin
    ) -> None:
        resource = publisher.publish(filename="embargo.csv")

        for answer in (anonymous.get(resource["url"]), anonymous.head(resource["url"])):
            assert answer.status_code == 403
            assert "Location" not in answer.headers
            assert "no-store" in answer.headers["Cache-Control"]
        assert "under embargo until June" in anonymous.get(resource["url"]).get_data(as_text=True)
        assert publisher.follow(resource["url"]).content == b"1,2"

    def test_the_answer_may_be_changed(self, publisher: Caller, example: ExamplePlugin) -> None:
        resource = publisher.publish(filename="chart.pdf", content_type="application/pdf")

        location = publisher.get(resource["url"]).headers["Location"]
        downloaded = publisher.follow(resource["url"])
        described = publisher.head(resource["url"])

        assert "X-Amz-Expires=10&" in location
        assert downloaded.headers["Content-Disposition"] == 'inline; filename="map.pdf"'
        assert described.headers["Content-Disposition"] == 'inline; filename="map.pdf"'

    def test_a_mistake_gives_the_file_to_nobody(self, publisher: Caller, example: ExamplePlugin) -> None:
        resource = publisher.publish()
        example.mistakes["before_download"] = RuntimeError("a mistake")

        answer = publisher.get(resource["url"])

        assert answer.status_code == 500
        assert "Location" not in answer.headers
        assert "extension example of this portal failed" in answer.get_data(as_text=True)


def test_a_plugin_without_a_method_works(publisher: Caller) -> None:
    with loaded(old=OldPlugin) as (old,):
        resource = publisher.publish()
        assert publisher.follow(resource["url"]).content == b"1,2"
    assert [wanted.filename for wanted in old.created] == ["rivers.csv"]


def waiting(resource: dict) -> list[tuple[str, int, str]]:
    model.Session.rollback()
    rows = model.Session.query(Delivery).filter_by(subject=resource["id"], state="waiting")
    return [(row.target, row.attempts, row.last_error) for row in rows.order_by(Delivery.id)]


def due_now(resource: dict) -> None:
    """The pause before the next attempt is over."""
    rows = Delivery.__table__
    model.Session.execute(
        rows.update().where(rows.c.subject == resource["id"]).values(next_at=rows.c.updated_at)
    )
    model.Session.commit()
