"""Beginning an upload: everything that is checked before the store is asked, in the order of the checks."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from callers import MIB, Caller, new_publisher, new_stranger, new_sysadmin
from ckan import model
from ckan.tests import factories

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.settings import PREFIX, portal_store
from s3portal.transfer import decode_metadata

Setting = Callable[[str, object], None]


def test_an_upload_is_planned_and_its_first_parts_are_signed(publisher: Caller) -> None:
    created = publisher.create(
        size=12 * MIB, filename="rivers.nc", content_type="application/x-netcdf"
    ).result

    upload, parts = created["upload"], created["parts"]
    assert upload["state"] == "uploading"
    assert upload["owner"] == {"type": "dataset", "id": publisher.dataset}
    assert (upload["filename"], upload["size"]) == ("rivers.nc", 12 * MIB)
    assert (upload["part_size"], upload["part_count"]) == (5 * MIB, 3)
    assert (upload["stored"], upload["stored_bytes"]) == ("", 0)
    assert [part["part_number"] for part in parts] == [1, 2, 3]
    assert all(part["url"].startswith("http") and part["expires_at"] for part in parts)


def test_the_dataset_may_be_named(publisher: Caller) -> None:
    name = publisher.do("package_show", id=publisher.dataset)["name"]

    assert publisher.create(owner=name).result["upload"]["owner"]["id"] == publisher.dataset


def test_the_object_says_where_it_comes_from(publisher: Caller) -> None:
    upload = publisher.upload(filename="Flüsse 川.csv")

    row = model.Session.get(UploadRow, upload["id"])
    head = portal_store().client().head_object(Bucket="test-bucket", Key=row.key)
    assert decode_metadata(head["Metadata"]) == {
        "portal": "test.ckan.net",
        "dataset": publisher.dataset,
        "resource": row.resource_id,
        "filename": "Flüsse 川.csv",
        "upload": upload["id"],
    }
    assert row.key == f"{publisher.organisation_id}/{publisher.dataset}/{upload['id']}/Flüsse 川.csv"


class TestReadersDoNotLearnWhoUploaded:
    def test_a_download_names_no_one(self, publisher: Caller, anonymous: Caller) -> None:
        resource = publisher.publish()

        answer = anonymous.follow(resource["url"])

        told = f"{answer.history} {answer.url} {answer.headers} {anonymous.get(resource['url']).headers}"
        assert publisher.name not in told
        assert publisher.user_id not in told

    def test_unless_the_portal_wants_the_id_there(
        self, publisher: Caller, anonymous: Caller, setting: Setting
    ) -> None:
        setting("user_in_metadata", True)
        resource = publisher.publish()

        answer = anonymous.follow(resource["url"])

        assert answer.headers["x-amz-meta-user"] == publisher.user_id
        assert publisher.name not in str(answer.headers)


class TestRefused:
    def test_someone_who_is_not_signed_in(self, anonymous: Caller, publisher: Caller) -> None:
        answer = anonymous.create(owner=publisher.dataset)

        assert answer.status == 401
        assert answer.error["code"] == "not_signed_in"
        assert answer.error["message"] == "Log in to upload files, or send an API token."

    def test_a_user_who_may_not_edit_the_dataset(self, portal, publisher: Caller) -> None:
        answer = new_stranger(portal).create(owner=publisher.dataset)

        assert answer.status == 403
        assert answer.error["code"] == "may_not_edit"
        assert "You may not edit the dataset" in answer.error["message"]

    def test_a_user_of_another_organisation(self, publisher: Caller, another_publisher: Caller) -> None:
        answer = another_publisher.create(owner=publisher.dataset)

        assert (answer.status, answer.error["code"]) == (403, "may_not_edit")

    def test_an_organisation_that_is_not_enabled(self, publisher: Caller, setting: Setting) -> None:
        setting("enabled_orgs", "some-other-lab")

        answer = publisher.create()

        assert answer.status == 403
        assert answer.error["code"] == "organisation_not_enabled"
        assert answer.error["setting"] == f"{PREFIX}enabled_orgs"
        assert "may not upload large files here" in answer.error["message"]

    def test_everyone_while_no_organisation_is_enabled(self, publisher: Caller, setting: Setting) -> None:
        setting("enabled_orgs", "")

        assert publisher.create().error["code"] == "organisation_not_enabled"

    def test_a_sysadmin_in_an_organisation_that_is_not_enabled(
        self, portal, publisher: Caller, setting: Setting
    ) -> None:
        setting("enabled_orgs", "some-other-lab")

        answer = new_sysadmin(portal).create(owner=publisher.dataset)

        assert (answer.status, answer.error["code"]) == (403, "organisation_not_enabled")

    def test_a_dataset_without_an_organisation(self, portal) -> None:
        admin = new_sysadmin(portal)
        with portal.flask_app.test_request_context():
            dataset = factories.Dataset(owner_org=None)

        answer = admin.create(owner=dataset["id"])

        assert (answer.status, answer.error["code"]) == (403, "no_organisation")

    def test_a_dataset_that_is_not_there(self, publisher: Caller) -> None:
        answer = publisher.create(owner="no-such-dataset")

        assert (answer.status, answer.error["code"]) == (404, "dataset_not_found")

    def test_a_resource_of_another_dataset(self, publisher: Caller, another_publisher: Caller) -> None:
        resource = another_publisher.publish()

        answer = publisher.create(resource=resource["id"])

        assert (answer.status, answer.error["code"]) == (404, "resource_not_found")

    def test_a_file_that_is_too_large(self, publisher: Caller, setting: Setting) -> None:
        setting("max_upload_size", "5 GB")

        answer = publisher.create(size=6_000_000_000)

        assert answer.status == 413
        assert answer.error["code"] == "file_too_large"
        assert answer.error["limit"] == 5_000_000_000
        assert answer.error["given"] == 6_000_000_000
        assert answer.error["setting"] == f"{PREFIX}max_upload_size"
        assert "up to 5 GB" in answer.error["message"]

    @pytest.mark.parametrize(
        ("allowed", "denied", "filename", "content_type"),
        [
            ("csv image/*", "", "program.exe", "application/x-msdownload"),
            ("", ".EXE", "program.exe", ""),
            ("", "application/x-msdownload", "renamed.dat", "application/x-msdownload"),
            ("*", "exe", "Program.EXE", "text/plain"),
        ],
    )
    def test_a_type_that_is_not_stored(
        self, publisher: Caller, setting: Setting, allowed: str, denied: str, filename: str, content_type: str
    ) -> None:
        setting("allowed_types", allowed)
        setting("denied_types", denied)

        answer = publisher.create(filename=filename, content_type=content_type)

        assert (answer.status, answer.error["code"]) == (415, "type_not_allowed")

    def test_a_file_over_the_quota(self, publisher: Caller, setting: Setting) -> None:
        setting("org_quota", "10 MB")
        publisher.create(size=7_000_000)

        answer = publisher.create(size=4_000_000)

        assert answer.status == 409
        assert answer.error["code"] == "quota_exceeded"
        assert (answer.error["used"], answer.error["allowed"]) == (7_000_000, 10_000_000)
        assert "7 MB of 10 MB is used" in answer.error["message"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("size", -1),
            ("size", "many"),
            ("size", None),
            ("filename", ""),
            ("filename", 7),
            ("filename", "x" * 2000),
            ("owner", ""),
            ("owner", {"id": 1}),
            ("idempotency_key", ["a"]),
            ("resource", 5),
        ],
    )
    def test_a_value_of_the_wrong_kind(self, publisher: Caller, field: str, value: object) -> None:
        answer = publisher.create(**{field: value})

        assert (answer.status, answer.error["code"]) == (422, "invalid_request")
        assert answer.error["field"] == field


def test_the_named_organisations_may_upload(publisher: Caller, setting: Setting) -> None:
    setting("enabled_orgs", f"some-other-lab {publisher.organisation}")

    assert publisher.create().status == 200


def test_allowed_types_name_extensions_and_content_types(publisher: Caller, setting: Setting) -> None:
    setting("allowed_types", "nc image/*")

    assert publisher.create(filename="grid.NC", content_type="").status == 200
    assert publisher.create(filename="photo", content_type="image/png").status == 200
    assert publisher.create(filename="photo.png", content_type="").status == 200


def test_a_quota_is_the_organisations_own(
    publisher: Caller, another_publisher: Caller, setting: Setting
) -> None:
    setting("org_quota", "10 MB")
    publisher.create(size=9_000_000)

    assert another_publisher.create(size=9_000_000).status == 200


def test_a_quota_is_free_again_when_an_upload_is_given_up(publisher: Caller, setting: Setting) -> None:
    setting("org_quota", "10 MB")
    upload = publisher.create(size=9_000_000).result["upload"]
    assert publisher.create(size=9_000_000).status == 409

    publisher.call("s3multipart_upload_abort", id=upload["id"])

    assert publisher.create(size=9_000_000).status == 200


def test_two_files_that_fit_one_by_one_do_not_come_in_together(publisher: Caller, setting: Setting) -> None:
    setting("org_quota", "10 MB")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: publisher.create(size=6_000_000), range(4)))

    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]


def test_a_repeated_call_answers_the_same_upload(publisher: Caller, setting: Setting) -> None:
    setting("org_quota", "10 MB")
    key = str(uuid.uuid4())

    first = publisher.create(size=6_000_000, idempotency_key=key).result["upload"]
    again = publisher.create(size=6_000_000, idempotency_key=key).result

    assert again["upload"]["id"] == first["id"]
    assert [part["part_number"] for part in again["parts"]] == [1, 2]


def test_the_same_call_many_times_at_once_makes_one_upload(publisher: Caller) -> None:
    key = str(uuid.uuid4())

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: publisher.create(idempotency_key=key), range(4)))

    assert len({answer.result["upload"]["id"] for answer in answers}) == 1


def test_a_key_that_was_used_for_another_file_is_refused(publisher: Caller) -> None:
    publisher.create(idempotency_key="mine", filename="one.csv")

    answer = publisher.create(idempotency_key="mine", filename="two.csv")

    assert (answer.status, answer.error["field"]) == (422, "idempotency_key")


def test_the_same_key_of_two_publishers_makes_two_uploads(
    publisher: Caller, another_publisher: Caller
) -> None:
    ours = publisher.create(idempotency_key="same").result["upload"]
    theirs = another_publisher.create(idempotency_key="same").result["upload"]

    assert ours["id"] != theirs["id"]


def test_a_store_that_is_down_is_said_so(portal, setting: Setting) -> None:
    publisher = new_publisher(portal)
    setting("s3_endpoint", "http://127.0.0.1:9")

    answer = publisher.create()

    assert (answer.status, answer.error["code"]) == (503, "store_unavailable")
    assert "Nothing is lost" in answer.error["message"]
    assert "127.0.0.1" not in str(answer.body["error"])


def test_ckans_own_size_limit_is_not_ours(publisher: Caller, ckan_config, monkeypatch) -> None:
    monkeypatch.setitem(ckan_config, "ckan.max_resource_size", 1)

    assert publisher.create(size=60_000_000_000).status == 200


def test_a_client_that_is_far_from_the_store_gets_larger_parts(publisher: Caller) -> None:
    near, far = (publisher.create(size=10**9, round_trip_ms=ms).result["upload"] for ms in (3, 200.5))

    assert (near["part_size"], far["part_size"]) == (5 * 1024**2, 16 * 1024**2)


@pytest.mark.parametrize("round_trip_ms", [10**400, 1e300])
def test_a_round_trip_may_be_as_long_as_it_likes(publisher: Caller, round_trip_ms: float) -> None:
    assert publisher.create(round_trip_ms=round_trip_ms).status == 200


@pytest.mark.parametrize("round_trip_ms", [-1, "fast", True, [1]])
def test_a_round_trip_that_is_no_time_is_refused(publisher: Caller, round_trip_ms: object) -> None:
    answer = publisher.create(round_trip_ms=round_trip_ms)

    assert (answer.status, answer.error["field"]) == (422, "round_trip_ms")
