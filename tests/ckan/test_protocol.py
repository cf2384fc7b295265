"""The calls of a running upload: whose it is, what they answer, and that repeating them changes nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from callers import MIB, Caller
from ckan import model
from kept_uploads import stored_keys

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from s3portal.transfer import complete_upload

CALLS_FOR_AN_UPLOAD = [
    ("s3multipart_upload_show", {}),
    ("s3multipart_upload_sign_parts", {"part_numbers": [1]}),
    ("s3multipart_upload_complete", {}),
    ("s3multipart_upload_abort", {}),
    ("s3multipart_credentials", {}),
]


@pytest.mark.parametrize(("action", "asked"), CALLS_FOR_AN_UPLOAD)
class TestWhoseUploadItIs:
    def test_another_users_upload_is_not_found(
        self, publisher: Caller, another_publisher: Caller, action: str, asked: dict
    ) -> None:
        upload = publisher.create().result["upload"]

        answer = another_publisher.call(action, id=upload["id"], **asked)

        assert (answer.status, answer.error["code"]) == (404, "upload_not_found")

    def test_it_looks_the_same_as_an_upload_that_is_not_there(
        self, publisher: Caller, another_publisher: Caller, action: str, asked: dict
    ) -> None:
        upload = publisher.create().result["upload"]

        theirs = another_publisher.call(action, id=upload["id"], **asked)
        nobodys = another_publisher.call(action, id="9f0c6a34-0000-4000-8000-000000000000", **asked)

        assert theirs == nobodys

    def test_no_one_gets_it_without_signing_in(
        self, publisher: Caller, anonymous: Caller, action: str, asked: dict
    ) -> None:
        upload = publisher.create().result["upload"]

        answer = anonymous.call(action, id=upload["id"], **asked)

        assert (answer.status, answer.error["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("action", "asked"),
    [call for call in CALLS_FOR_AN_UPLOAD if "show" not in call[0] and "abort" not in call[0]],
)
def test_a_publisher_who_lost_the_right_to_edit_cannot_continue(
    publisher: Caller, action: str, asked: dict
) -> None:
    upload = publisher.create().result["upload"]
    member = (
        model.Session.query(model.Member)
        .filter_by(group_id=publisher.organisation_id, table_id=publisher.user_id, state="active")
        .one()
    )
    member.state = "deleted"
    model.Session.commit()

    answer = publisher.call(action, id=upload["id"], **asked)

    assert (answer.status, answer.error["code"]) == (403, "may_not_edit")


class TestSigningParts:
    def test_parts_are_signed_for_their_exact_length(self, publisher: Caller) -> None:
        upload = publisher.create(size=7 * MIB).result["upload"]

        [part] = publisher.do("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=[2])

        assert part["part_number"] == 2
        assert requests.put(part["url"], data=b"x" * (2 * MIB), timeout=120).status_code == 200

    def test_a_part_outside_the_plan_is_refused(self, publisher: Caller) -> None:
        upload = publisher.create(size=7 * MIB).result["upload"]

        answer = publisher.call("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=[1, 3])

        assert (answer.status, answer.error["code"]) == (422, "part_outside_plan")
        assert answer.error["part_count"] == 2

    @pytest.mark.parametrize("numbers", [None, [], "1", ["1"], [1.5], [True], {"1": 1}])
    def test_what_is_no_list_of_numbers_is_refused(self, publisher: Caller, numbers: object) -> None:
        upload = publisher.create().result["upload"]

        answer = publisher.call("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=numbers)

        assert (answer.status, answer.error["code"]) == (422, "invalid_request")

    def test_more_than_a_thousand_at_once_are_refused(self, publisher: Caller) -> None:
        upload = publisher.create().result["upload"]

        answer = publisher.call(
            "s3multipart_upload_sign_parts", id=upload["id"], part_numbers=list(range(1, 1002))
        )

        assert (answer.status, answer.error["code"]) == (422, "too_many_parts")

    def test_a_completed_upload_takes_no_more_parts(self, publisher: Caller) -> None:
        upload = publisher.upload()

        answer = publisher.call("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=[1])

        assert (answer.status, answer.error["code"]) == (409, "upload_not_open")

    def test_a_forged_key_in_a_signed_url_is_refused_by_the_store(self, publisher: Caller) -> None:
        """What a publisher could try with the URL of a part: another file of the same bucket."""
        victim = publisher.upload(b"published")
        [part] = publisher.create(size=6).result["parts"]
        forged = part["url"].replace(part_key(part["url"]), row_key(victim["id"]))

        assert forged != part["url"]
        assert requests.put(forged, data=b"forged", timeout=120).status_code == 403


class TestShowing:
    def test_it_says_what_the_store_has(self, publisher: Caller) -> None:
        created = publisher.create(size=12 * MIB).result
        for part in (created["parts"][0], created["parts"][2]):
            length = 5 * MIB if part["part_number"] == 1 else 2 * MIB
            requests.put(part["url"], data=b"x" * length, timeout=120)

        shown = publisher.do("s3multipart_upload_show", id=created["upload"]["id"])

        assert (shown["stored"], shown["stored_bytes"]) == ("1,3", 7 * MIB)

    def test_it_may_be_fetched(self, publisher: Caller) -> None:
        upload = publisher.create().result["upload"]

        answer = publisher.get(f"/api/3/action/s3multipart_upload_show?id={upload['id']}")

        assert answer.get_json()["result"]["id"] == upload["id"]

    def test_a_completion_whose_answer_was_lost_is_found(self, publisher: Caller) -> None:
        """The process died between the store's answer and its own commit."""
        upload = publisher.begin(b"1,2")
        complete_upload(portal_store(), model.Session.get(UploadRow, upload["id"]).as_upload())

        shown = publisher.do("s3multipart_upload_show", id=upload["id"])

        assert shown["state"] == "completed"


class TestListing:
    def test_a_publisher_sees_unfinished_and_unattached_uploads(self, publisher: Caller) -> None:
        unfinished = publisher.create(filename="unfinished.csv").result["upload"]
        completed = publisher.upload(filename="completed.csv")
        publisher.publish(filename="attached.csv")
        aborted = publisher.create(filename="aborted.csv").result["upload"]
        publisher.call("s3multipart_upload_abort", id=aborted["id"])

        listed = publisher.do("s3multipart_upload_list", owner=publisher.dataset)

        assert [upload["id"] for upload in listed] == [completed["id"], unfinished["id"]]

    def test_no_one_sees_those_of_others(self, publisher: Caller, another_publisher: Caller) -> None:
        publisher.create()

        assert another_publisher.do("s3multipart_upload_list") == []
        assert another_publisher.do("s3multipart_upload_list", owner=publisher.dataset) == []

    def test_the_dataset_may_be_named(self, publisher: Caller) -> None:
        upload = publisher.create().result["upload"]
        name = publisher.do("package_show", id=publisher.dataset)["name"]

        [listed] = publisher.do("s3multipart_upload_list", owner=name)

        assert listed["id"] == upload["id"]

    def test_an_expired_upload_is_not_offered(self, publisher: Caller) -> None:
        upload = publisher.create().result["upload"]
        model.Session.query(UploadRow).filter_by(id=upload["id"]).update({"expires_at": now()})
        model.Session.commit()

        assert publisher.do("s3multipart_upload_list") == []

    def test_no_one_gets_a_list_without_signing_in(self, anonymous: Caller) -> None:
        assert anonymous.call("s3multipart_upload_list").status == 401


class TestCompleting:
    def test_it_answers_the_completed_upload(self, publisher: Caller) -> None:
        upload = publisher.upload(b"1,2")

        assert upload["state"] == "completed"
        assert (upload["stored"], upload["stored_bytes"]) == ("1", 3)

    def test_again_it_answers_the_same(self, publisher: Caller) -> None:
        upload = publisher.upload()

        assert publisher.do("s3multipart_upload_complete", id=upload["id"]) == upload

    def test_many_times_at_once_it_answers_the_same(self, publisher: Caller) -> None:
        upload = publisher.begin()

        with ThreadPoolExecutor(4) as pool:
            answers = list(
                pool.map(lambda _: publisher.call("s3multipart_upload_complete", id=upload["id"]), range(4))
            )

        assert [answer.result["state"] for answer in answers] == ["completed"] * 4

    def test_missing_parts_are_named(self, publisher: Caller) -> None:
        created = publisher.create(size=12 * MIB).result
        requests.put(created["parts"][1]["url"], data=b"x" * (5 * MIB), timeout=120)

        answer = publisher.call("s3multipart_upload_complete", id=created["upload"]["id"])

        assert (answer.status, answer.error["code"]) == (409, "parts_missing")
        assert answer.error["missing"] == "1,3"

    def test_a_checksum_that_differs_is_refused(self, publisher: Caller) -> None:
        upload = publisher.begin()

        answer = publisher.call(
            "s3multipart_upload_complete", id=upload["id"], checksum={"algorithm": "CRC64NVME", "value": 5}
        )

        assert (answer.status, answer.error["code"]) == (422, "invalid_request")

    def test_an_aborted_upload_is_not_completed(self, publisher: Caller) -> None:
        upload = publisher.begin()
        publisher.call("s3multipart_upload_abort", id=upload["id"])

        answer = publisher.call("s3multipart_upload_complete", id=upload["id"])

        assert (answer.status, answer.error["state"]) == (409, "aborted")

    def test_a_file_of_no_bytes_can_be_published(self, publisher: Caller) -> None:
        resource = publisher.publish(b"", filename="empty.csv")

        assert resource["size"] == 0
        assert publisher.follow(resource["url"]).content == b""


class TestAborting:
    def test_again_it_answers_the_same(self, publisher: Caller) -> None:
        upload = publisher.begin()

        first = publisher.do("s3multipart_upload_abort", id=upload["id"])
        again = publisher.do("s3multipart_upload_abort", id=upload["id"])

        assert first["state"] == "aborted"
        assert again == first

    def test_a_completed_upload_leaves_nothing_at_the_store(self, publisher: Caller) -> None:
        upload = publisher.upload()
        assert stored_keys(publisher) == [row_key(upload["id"])]

        publisher.call("s3multipart_upload_abort", id=upload["id"])

        assert stored_keys(publisher) == []

    def test_the_file_of_a_resource_is_not_aborted(self, publisher: Caller) -> None:
        upload = publisher.upload()
        resource = publisher.attach(upload)

        answer = publisher.call("s3multipart_upload_abort", id=upload["id"])

        assert (answer.status, answer.error["code"]) == (409, "already_attached")
        assert publisher.follow(resource["url"]).content == b"1,2"


def row_key(upload_id: str) -> str:
    return model.Session.get(UploadRow, upload_id).key


def part_key(url: str) -> str:
    """The key in the URL of a part, path style."""
    return url.split("/test-bucket/")[1].split("?")[0]
