"""Saving a resource attaches its upload: to exactly that resource, once, by its publisher, or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from callers import Caller, new_publisher
from ckan import model
from ckan.tests import factories, helpers
from kept_uploads import state_of, stored_keys

from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.uploads.attach import FIELD


def resources(caller: Caller) -> list[dict]:
    return caller.do("package_show", id=caller.dataset)["resources"]


@pytest.mark.smoke
class TestByTheApi:
    def test_a_new_resource_says_what_is_known_of_its_file(self, publisher: Caller) -> None:
        upload = publisher.upload(b"1,2", filename="Flüsse.csv")

        resource = publisher.attach(upload)

        shown = publisher.do("resource_show", id=resource["id"])
        assert shown["size"] == 3
        assert shown["mimetype"] == "text/csv"
        assert shown["format"] == "CSV"
        assert shown["url_type"] == "upload"
        assert shown["last_modified"]
        assert shown["url"].endswith(
            f"/dataset/{publisher.dataset}/resource/{resource['id']}/download/flusse.csv"
        )
        assert FIELD not in shown
        assert state_of(upload) == "attached"

    def test_the_resource_has_the_id_that_the_object_names(self, publisher: Caller) -> None:
        upload = publisher.upload()
        reserved = model.Session.get(UploadRow, upload["id"]).resource_id

        resource = publisher.attach(upload)

        assert resource["id"] == reserved

    def test_the_checksum_of_the_store_has_a_field_of_its_own(self, publisher: Caller) -> None:
        upload = publisher.upload()

        resource = publisher.attach(upload)

        checksum = upload["checksum"]
        assert resource["s3multipart_checksum"] == f"{checksum['algorithm'].lower()}:{checksum['value']}"
        assert resource["hash"] == ""

    @pytest.mark.parametrize("checksum", ["another", None])
    def test_the_hash_of_a_replaced_file_does_not_stay(self, publisher: Caller, checksum: str | None) -> None:
        before = publisher.publish(b"old")
        upload = publisher.upload(b"new")
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update({"checksum_value": checksum})
        model.Session.commit()

        after = publisher.do("resource_patch", id=before["id"], s3multipart_upload_id=upload["id"])

        assert before["s3multipart_checksum"]
        assert after.get("s3multipart_checksum") == ("crc64nvme:another" if checksum else None)

    def test_the_dataset_may_be_named(self, publisher: Caller) -> None:
        upload = publisher.upload()
        name = publisher.do("package_show", id=publisher.dataset)["name"]

        answer = publisher.call("resource_create", package_id=name, s3multipart_upload_id=upload["id"])

        assert answer.status == 200

    def test_a_format_that_was_given_stays(self, publisher: Caller) -> None:
        upload = publisher.upload()

        resource = publisher.attach(upload, format="TSV")

        assert resource["format"] == "TSV"

    @pytest.mark.parametrize("action", ["resource_update", "resource_patch"])
    def test_a_resource_gets_a_new_file(self, publisher: Caller, action: str) -> None:
        before = publisher.publish(b"old", filename="old.csv", content_type="text/csv")
        upload = publisher.upload(
            b"newer", filename="new.json", content_type="application/json", resource=before["id"]
        )

        after = publisher.do(action, id=before["id"], s3multipart_upload_id=upload["id"])

        assert (after["id"], after["size"], after["mimetype"]) == (before["id"], 5, "application/json")
        assert after["last_modified"] > before["last_modified"]
        assert publisher.follow(after["url"]).content == b"newer"
        assert len(stored_keys(publisher)) == 1

    def test_a_link_becomes_a_file(self, publisher: Caller) -> None:
        link = publisher.do("resource_create", package_id=publisher.dataset, url="http://example.com/x.csv")
        upload = publisher.upload(resource=link["id"])

        resource = publisher.do("resource_update", id=link["id"], s3multipart_upload_id=upload["id"])

        assert (resource["id"], resource["url_type"]) == (link["id"], "upload")
        assert publisher.follow(resource["url"]).content == b"1,2"

    def test_other_edits_keep_the_file_and_what_is_known_of_it(self, publisher: Caller) -> None:
        resource = publisher.publish(filename="Flüsse.csv")

        after = publisher.do(
            "resource_update", id=resource["id"], url=resource["url"], url_type="upload", name="New name"
        )

        assert after["name"] == "New name"
        assert [after[kept] for kept in ("size", "mimetype", "url")] == [
            resource[kept] for kept in ("size", "mimetype", "url")
        ]
        assert (
            publisher.follow(after["url"])
            .headers["Content-Disposition"]
            .endswith("filename*=UTF-8''Fl%C3%BCsse.csv")
        )

    @pytest.mark.parametrize("action", ["package_patch", "package_update", "package_revise"])
    def test_saving_the_dataset_keeps_its_files(self, publisher: Caller, action: str) -> None:
        resource = publisher.publish()
        package = publisher.do("package_show", id=publisher.dataset)
        asked = {
            "package_patch": {"id": publisher.dataset, "title": "New title"},
            "package_update": {**package, "title": "New title"},
            "package_revise": {"match": {"id": publisher.dataset}, "update": {"title": "New title"}},
        }

        publisher.do(action, **asked[action])

        assert publisher.follow(resource["url"]).content == b"1,2"
        assert resources(publisher)[0]["size"] == 3

    def test_saving_a_dataset_attaches_several_uploads(self, publisher: Caller) -> None:
        uploads = [publisher.upload(content) for content in (b"a", b"bb")]
        package = publisher.do("package_show", id=publisher.dataset)

        saved = publisher.do(
            "package_update", **{**package, "resources": [{FIELD: upload["id"]} for upload in uploads]}
        )

        assert [resource["size"] for resource in saved["resources"]] == [1, 2]
        assert [publisher.follow(resource["url"]).content for resource in saved["resources"]] == [b"a", b"bb"]


class TestRefused:
    def save(self, caller: Caller, upload_id: object, **asked: object):
        return caller.call("resource_create", **{"package_id": caller.dataset, FIELD: upload_id, **asked})

    def test_a_completed_upload_used_twice(self, publisher: Caller) -> None:
        upload = publisher.upload()
        assert self.save(publisher, upload["id"]).status == 200

        answer = self.save(publisher, upload["id"])

        assert (answer.status, answer.error["code"]) == (409, "already_attached")
        assert len(resources(publisher)) == 1

    def test_twice_in_one_save(self, publisher: Caller) -> None:
        upload = publisher.upload()

        answer = publisher.call(
            "package_patch", id=publisher.dataset, resources=[{FIELD: upload["id"]}, {FIELD: upload["id"]}]
        )

        assert (answer.status, answer.error["code"]) == (409, "already_attached")
        assert state_of(upload) == "completed"
        assert resources(publisher) == []

    def test_twice_at_once(self, publisher: Caller) -> None:
        upload = publisher.upload()

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: self.save(publisher, upload["id"]), range(3)))

        assert sorted(answer.status for answer in answers) == [200, 409, 409]
        assert len(resources(publisher)) == 1

    def test_an_upload_of_another_dataset(self, portal, publisher: Caller) -> None:
        with portal.flask_app.test_request_context():
            other = factories.Dataset(owner_org=publisher.organisation_id)
        upload = publisher.upload()

        answer = self.save(publisher, upload["id"], package_id=other["id"])

        assert (answer.status, answer.error["code"]) == (409, "upload_of_another_dataset")
        assert state_of(upload) == "completed"

    def test_an_upload_of_another_user(self, portal, publisher: Caller, another_publisher: Caller) -> None:
        upload = another_publisher.upload()

        answer = self.save(publisher, upload["id"])

        assert (answer.status, answer.error["code"]) == (404, "upload_not_found")

    def test_an_upload_of_another_editor_of_the_same_dataset(self, portal, publisher: Caller) -> None:
        colleague = new_publisher(portal)
        helpers.call_action(
            "organization_member_create", id=publisher.organisation_id, username=colleague.name, role="editor"
        )
        upload = publisher.upload()

        answer = self.save(colleague, upload["id"], package_id=publisher.dataset)

        assert (answer.status, answer.error["code"]) == (404, "upload_not_found")

    @pytest.mark.parametrize("upload_id", ["no-such-upload", "x\x00y"])
    def test_an_upload_that_is_not_there(self, publisher: Caller, upload_id: str) -> None:
        assert self.save(publisher, upload_id).status in (404, 422)

    @pytest.mark.parametrize("upload_id", [["a", "b"], {"id": "a"}, 7])
    def test_what_is_no_id(self, publisher: Caller, upload_id: object) -> None:
        answer = self.save(publisher, upload_id)

        assert (answer.status, answer.error["field"]) == (422, FIELD)

    def test_an_upload_that_is_not_complete(self, publisher: Caller) -> None:
        upload = publisher.begin()

        answer = self.save(publisher, upload["id"])

        assert (answer.status, answer.error["code"]) == (409, "upload_not_complete")
        assert answer.error["state"] == "uploading"

    def test_an_upload_for_a_dataset_that_does_not_exist_yet(self, publisher: Caller) -> None:
        upload = publisher.upload()

        answer = publisher.call(
            "package_create",
            name=f"new-{upload['id']}",
            owner_org=publisher.organisation_id,
            resources=[{FIELD: upload["id"]}],
        )

        assert (answer.status, answer.error["code"]) == (409, "upload_of_another_dataset")
        assert state_of(upload) == "completed"

    def test_nothing_is_half_written_when_the_resource_is_not_valid(self, publisher: Caller) -> None:
        before = publisher.publish(b"old")
        upload = publisher.upload(b"new")

        answer = publisher.call(
            "resource_patch",
            id=before["id"],
            s3multipart_upload_id=upload["id"],
            size="not a number",
            created="no date",
        )

        assert answer.status == 409
        assert state_of(upload) == "completed"
        assert publisher.follow(before["url"]).content == b"old"
        answer = publisher.call("resource_patch", id=before["id"], s3multipart_upload_id=upload["id"])
        assert answer.status == 200
        assert publisher.follow(before["url"]).content == b"new"
