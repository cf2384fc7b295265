"""A portal whose store or database is not set up says so, and CKAN's own upload works meanwhile."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest
from browser import Browser, resource_form
from callers import Caller, new_publisher
from ckan import model
from ckan.cli.db import _run_migrations

from ckanext.s3multipart import schema
from ckanext.s3multipart.store_memory import DatabaseMemory
from s3portal.transfer import KnownAnswer

pytestmark = pytest.mark.smoke

Setting = Callable[[str, object], None]


def shows_ckans_field_alone(browser: Browser) -> bool:
    page = resource_form(browser.get(f"/dataset/{browser.dataset}/resource/new"))
    assert page.select_one("input#field-resource-upload")
    return page.select_one("[data-module=s3multipart-uploader]") is None


def uploads_through_ckan(browser: Browser) -> bool:
    answer = browser.submit(
        f"/dataset/{browser.dataset}/resource/new",
        **{"name": "Rivers", "url_type": "upload", "url": "rivers.csv", "save": "go-dataset-complete"},
        upload=(io.BytesIO(b"1,2"), "rivers.csv"),
    )
    [resource] = browser.resources()
    return answer.status_code == 302 and browser.get(resource["url"]).data == b"1,2"


class TestStore:
    @pytest.fixture(autouse=True)
    def no_such_profile(self, setting: Setting) -> Callable[[], None]:
        def misconfigure() -> None:
            setting("s3_access_key_id", "")
            setting("s3_secret_access_key", "")
            setting("s3_profile", "nope")

        return misconfigure

    def test_the_form_shows_ckans_own_field(self, portal, no_such_profile: Callable[[], None]) -> None:
        browser = Browser(portal)
        no_such_profile()

        assert shows_ckans_field_alone(browser)

    def test_ckans_own_upload_works(
        self, portal, no_such_profile: Callable[[], None], ckan_config, tmp_path, monkeypatch
    ) -> None:
        browser = Browser(portal)
        no_such_profile()

        assert uploads_through_ckan(browser)

    def test_an_upload_is_answered_503_with_a_sentence(
        self, publisher: Caller, no_such_profile: Callable[[], None]
    ) -> None:
        no_such_profile()

        answer = publisher.create()

        assert (answer.status, answer.error["code"]) == (503, "store_misconfigured")
        assert "not set up correctly" in answer.error["message"]
        assert "nope" not in str(answer.body)

    def test_a_link_is_answered_503_with_a_page(
        self, publisher: Caller, no_such_profile: Callable[[], None]
    ) -> None:
        resource = publisher.publish()
        no_such_profile()

        answer = publisher.get(resource["url"])

        assert answer.status_code == 503
        assert "not set up correctly" in answer.get_data(as_text=True)

    @pytest.mark.parametrize("action", ["sign_parts", "show", "complete", "abort"])
    def test_every_call_is_answered_503(
        self, action: str, publisher: Caller, no_such_profile: Callable[[], None]
    ) -> None:
        upload = publisher.begin()
        no_such_profile()

        parts = {"part_numbers": [1]} if action == "sign_parts" else {}
        answer = publisher.call(f"s3multipart_upload_{action}", id=upload["id"], **parts)

        assert (answer.status, answer.error["code"]) == (503, "store_misconfigured")


@pytest.fixture
def outdated_database(portal) -> Iterator[None]:
    """The administrator installed the extension and forgot `ckan db upgrade`."""
    with_tables(False)
    yield
    with_tables(True)


def with_tables(wanted: bool) -> None:
    model.Session.remove()
    schema._current.clear()
    _run_migrations("s3multipart", "head" if wanted else "base", wanted)


class TestDatabase:
    def test_the_log_says_it_once_at_start(self, outdated_database, caplog: pytest.LogCaptureFixture) -> None:
        schema.warn_if_outdated()

        (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert "Run `ckan db upgrade -p s3multipart`" in said

    def test_nothing_is_said_where_it_was_done(self, portal, caplog: pytest.LogCaptureFixture) -> None:
        schema._current.clear()

        schema.warn_if_outdated()

        assert not caplog.records

    @pytest.mark.parametrize("route", ["get_s3_auth", "get_s3_post"])
    def test_the_old_routes_say_so(self, portal, route: str) -> None:
        publisher = new_publisher(portal)
        with_tables(False)
        try:
            answer = publisher.get(f"/api/3/action/{route}/{publisher.dataset}")
        finally:
            with_tables(True)

        assert answer.status_code == 503
        assert list(answer.get_json()) == ["error"]

    def test_the_form_shows_ckans_own_field_which_works(self, portal) -> None:
        browser = Browser(portal)
        with_tables(False)
        try:
            assert shows_ckans_field_alone(browser)
            assert uploads_through_ckan(browser)
            [resource] = browser.resources()
            assert browser.get(f"/dataset/{browser.dataset}/resource/{resource['id']}").status_code == 200
        finally:
            with_tables(True)

    def test_datasets_are_changed_and_deleted_as_without_the_extension(
        self, publisher: Caller, outdated_database
    ) -> None:
        link = publisher.do("resource_create", package_id=publisher.dataset, url="https://example.org/x.csv")
        publisher.do("resource_patch", id=link["id"], name="Rivers")
        publisher.do("resource_delete", id=link["id"])
        publisher.do("package_patch", id=publisher.dataset, notes="Rivers")
        publisher.do("package_delete", id=publisher.dataset)

    @pytest.mark.parametrize("action", ["create", "sign_parts", "show", "list", "complete", "abort"])
    def test_every_call_is_answered_503(self, action: str, publisher: Caller, outdated_database) -> None:
        answer = publisher.call(
            f"s3multipart_upload_{action}",
            **{"id": "x", "owner": publisher.dataset, "filename": "rivers.csv", "size": 3},
        )

        assert (answer.status, answer.error["code"]) == (503, "database_not_upgraded")
        assert "database has to be upgraded" in answer.error["message"]

    def test_a_link_to_a_file_is_answered_503(self, publisher: Caller) -> None:
        resource = publisher.publish()
        with_tables(False)
        try:
            assert publisher.get(resource["url"]).status_code == 503
        finally:
            with_tables(True)

    def test_it_is_noticed_when_the_administrator_has_done_it(self, publisher: Caller) -> None:
        with_tables(False)
        assert publisher.create().status == 503
        with_tables(True)

        assert publisher.create().status == 200

    def test_a_database_of_a_newer_version_is_used(self, publisher: Caller) -> None:
        """Several machines are upgraded one after the other."""
        bind = model.Session.get_bind()
        model.Session.remove()
        with bind.begin() as connection:
            connection.exec_driver_sql("UPDATE s3multipart_alembic_version SET version_num = 'fffffffffff1'")
        schema._current.clear()
        try:
            assert publisher.create().status == 200
        finally:
            with bind.begin() as connection:
                connection.exec_driver_sql(
                    f"UPDATE s3multipart_alembic_version SET version_num = '{schema.head()}'"
                )


class TestMemory:
    def test_what_was_found_out_is_kept_for_other_processes(self, portal) -> None:
        answer = KnownAnswer("CRC64NVME", "the store computes CRC64NVME")
        DatabaseMemory().write("a store", "checksum", KnownAnswer("MD5", "an earlier answer"))

        DatabaseMemory().write("a store", "checksum", answer)

        assert DatabaseMemory().read("a store", "checksum") == answer
        assert DatabaseMemory().read("another store", "checksum") is None

    def test_without_its_table_nothing_is_known_and_nothing_fails(self, outdated_database) -> None:
        DatabaseMemory().write("a store", "checksum", KnownAnswer("MD5", ""))

        assert DatabaseMemory().read("a store", "checksum") is None
