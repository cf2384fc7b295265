"""Nothing that was published is written again by anybody but the portal, whatever keys they kept.

Each trick is tried on our own store with keys and forms that are still good, beyond completion, attaching and
the withdrawal of the permission. Readers of the link get what was published, to the byte.
"""

from collections.abc import Callable

import pytest
from callers import Caller
from session_writers import (
    PUBLISHED,
    Writer,
    denied,
    key_of,
    listed,
    new_colleague,
    post_form,
    post_with,
    read,
    row_of,
    row_of_resource,
    save,
    store_of,
    stored_under,
    withdraw,
    writer,
    writes,
)

from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.uploads import adoption
from s3portal.server.testing import RunningServer
from s3portal.transfer import StoreUnavailable

Setting = Callable[[str, object], None]


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A resource with a published file."""
    return publisher.publish(PUBLISHED)


class TestKeysOfADataset:
    def test_another_editor_overwrites_nothing(self, portal, publisher: Caller, resource: dict) -> None:
        own = writer(new_colleague(portal, publisher))

        for name, attempt in writes(own, key_of(resource)).items():
            assert denied(attempt), name

        assert read(publisher, resource) == PUBLISHED

    def test_the_old_route_neither(self, portal, publisher: Caller, resource: dict) -> None:
        colleague = new_colleague(portal, publisher)
        issued = colleague.get(f"/api/3/action/get_s3_auth/{publisher.dataset}").get_json()
        store = portal_store()
        own = Writer(_client_of(issued["Credentials"]), store.bucket, issued["Prefix"])

        for name, attempt in writes(own, key_of(resource)).items():
            assert denied(attempt), name

    def test_the_publisher_neither(self, publisher: Caller, resource: dict) -> None:
        assert all(denied(attempt) for attempt in writes(writer(publisher), key_of(resource)).values())

    def test_what_was_written_with_them_is_published_elsewhere(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("rivers.csv", PUBLISHED)
        resource = publisher.attach(listed(publisher)[0])

        own.put("rivers.csv", b"forged after publication")

        assert not key_of(resource).startswith(own.scope)
        assert read(publisher, resource) == PUBLISHED
        assert all(denied(attempt) for attempt in writes(own, key_of(resource)).values())

    def test_a_file_that_waits_to_be_attached_is_not_changed_either(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("rivers.csv", PUBLISHED)
        [upload] = listed(publisher)
        own.put("rivers.csv", b"forged")

        assert read(publisher, publisher.attach(upload)) == PUBLISHED

    def test_keys_outlive_the_permission_and_reach_nothing(
        self, portal, publisher: Caller, resource: dict
    ) -> None:
        former = new_colleague(portal, publisher)
        own = writer(former)
        withdraw(former)

        own.put("late.csv")
        assert all(denied(attempt) for attempt in writes(own, key_of(resource)).values())

        assert former.call("s3multipart_credentials", owner=publisher.dataset).status == 403
        assert former.get(f"/api/3/action/get_s3_auth/{publisher.dataset}").status_code == 403
        [upload] = listed(former)
        assert upload["refusal"]["code"] == "may_not_edit"
        assert read(publisher, resource) == PUBLISHED

    def test_what_a_former_editor_wrote_before_is_not_attached(self, portal, publisher: Caller) -> None:
        former = new_colleague(portal, publisher)
        writer(former).put("early.csv")
        [upload] = listed(former)
        withdraw(former)

        assert save(former, upload).status == 403
        assert row_of(upload).state == "completed"

    def test_a_prefix_of_someone_else_is_not_reached(self, portal, publisher: Caller) -> None:
        mine, theirs = writer(publisher), writer(new_colleague(portal, publisher))

        assert denied(lambda: mine.client.put_object(Bucket=mine.bucket, Key=f"{theirs.scope}x", Body=b"x"))
        # A prefix that nobody was given.
        forged = f"{publisher.organisation_id}/{publisher.dataset}/6b1f0c9e-0000-4000-8000-000000000000/x"
        assert denied(lambda: mine.client.put_object(Bucket=mine.bucket, Key=forged, Body=b"x"))

    @pytest.mark.parametrize("step", ["../", "./../", "..%2f", "//../", "\\..\\"])
    def test_no_path_leads_out_of_the_prefix(self, publisher: Caller, resource: dict, step: str) -> None:
        own = writer(publisher)
        key = key_of(resource)
        folder, name = key.rsplit("/", 2)[1:]

        own.put(f"{step}{folder}/{name}", b"forged")

        assert read(publisher, resource) == PUBLISHED
        assert stored_under(key) == [key]

    def test_an_upload_that_names_another_ones_id_is_its_own_file(
        self, publisher: Caller, resource: dict
    ) -> None:
        """The portal knows its objects by this name on them."""
        published = row_of_resource(resource)
        writer(publisher).put("forged.csv", b"forged", Metadata={"upload": published.id})

        [upload] = listed(publisher)

        assert upload["id"] != published.id
        assert read(publisher, publisher.attach(upload)) == b"forged"
        assert read(publisher, resource) == PUBLISHED


class TestForms:
    def test_a_form_that_is_used_twice_changes_nothing_that_was_published(self, publisher: Caller) -> None:
        form = publisher.get(f"/api/3/action/get_s3_post/{publisher.dataset}").get_json()
        assert post_with(form, PUBLISHED, "rivers.csv").status_code == 204
        resource = publisher.attach(listed(publisher)[0])

        assert post_with(form, b"forged", "rivers.csv").status_code == 204

        assert read(publisher, resource) == PUBLISHED
        assert [upload["size"] for upload in listed(publisher)] == [6]

    def test_a_form_writes_to_no_other_key(self, publisher: Caller, resource: dict) -> None:
        form = publisher.get(f"/api/3/action/get_s3_post/{publisher.dataset}").get_json()
        form["fields"]["key"] = key_of(resource)

        assert post_with(form, b"forged", "x").status_code == 403
        assert read(publisher, resource) == PUBLISHED

    def test_a_form_takes_no_larger_file(self, publisher: Caller, setting: Setting) -> None:
        setting("max_upload_size", "10")

        assert post_form(publisher, b"x" * 11).status_code == 400
        assert listed(publisher) == []

    def test_a_form_of_a_former_editor(self, portal, publisher: Caller) -> None:
        former = new_colleague(portal, publisher)
        form = former.get(f"/api/3/action/get_s3_post/{publisher.dataset}").get_json()
        withdraw(former)

        assert post_with(form, b"late", "late.csv").status_code == 204

        assert listed(former)[0]["refusal"]["code"] == "may_not_edit"


class TestAttaching:
    def test_what_is_gone_from_the_store_is_not_attached(self, publisher: Caller) -> None:
        upload = publisher.upload()
        store = portal_store()
        store.client().delete_object(Bucket=store.bucket, Key=row_of(upload).key)

        answer = save(publisher, upload)

        assert (answer.status, answer.error["code"]) == (409, "object_gone")
        assert row_of(upload).state == "completed"

    def test_what_is_not_what_was_verified_is_not_attached(self, publisher: Caller) -> None:
        """As an administrator's script could write it."""
        upload = publisher.upload(b"1,2")
        store = portal_store()
        store.client().put_object(Bucket=store.bucket, Key=row_of(upload).key, Body=b"3,4")

        answer = save(publisher, upload)

        assert (answer.status, answer.error["code"]) == (422, "content_differs")

    def test_a_store_that_is_away_stops_no_save(self, publisher: Caller, s3_server: RunningServer) -> None:
        """What was completed was verified, and nobody else can write it."""
        upload = publisher.upload()
        s3_server.faults.add("HeadObject", status=503)

        assert save(publisher, upload).status == 200

    def test_a_save_of_several_files_asks_a_store_that_is_away_once(
        self, publisher: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each look takes up to a second, in which the dataset is locked."""
        uploads = [publisher.upload(), publisher.upload()]
        asked: list[object] = []

        def away(*arguments: object) -> None:
            asked.append(arguments)
            raise StoreUnavailable(operation="HeadObject")

        monkeypatch.setattr(adoption, "require_stored", away)

        resources = [{"s3multipart_upload_id": upload["id"]} for upload in uploads]
        publisher.do("package_patch", id=publisher.dataset, resources=resources)

        assert len(asked) == 1
        assert [row_of(upload).state for upload in uploads] == ["attached", "attached"]

    def test_one_of_several_that_is_gone_saves_none(self, publisher: Caller, resource: dict) -> None:
        replacing, gone = publisher.upload(b"newer", resource=resource["id"]), publisher.upload()
        store = portal_store()
        store.client().delete_object(Bucket=store.bucket, Key=row_of(gone).key)

        answer = publisher.call(
            "package_patch",
            id=publisher.dataset,
            resources=[
                {**resource, "s3multipart_upload_id": replacing["id"]},
                {"s3multipart_upload_id": gone["id"]},
            ],
        )

        assert (answer.status, answer.error["code"]) == (409, "object_gone")
        assert [row_of(upload).state for upload in (replacing, gone)] == ["completed", "completed"]
        saved = publisher.do("package_show", id=publisher.dataset)["resources"]
        assert [each["id"] for each in saved] == [resource["id"]]
        assert read(publisher, resource) == PUBLISHED


def _client_of(issued: dict):
    store = portal_store()
    return store_of(
        {
            "endpoint": store.public_endpoint,
            "region": store.region,
            "access_key_id": issued["AccessKeyId"],
            "secret_access_key": issued["SecretAccessKey"],
            "session_token": issued["SessionToken"],
        }
    )
