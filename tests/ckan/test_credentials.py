"""Session credentials: for scripts and big machines, and for no more than one upload or one dataset."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from callers import Caller, new_stranger
from ckan import model
from session_writers import store_of

from ckanext.s3multipart.model import UploadRow

Setting = Callable[[str, object], None]


def test_those_of_an_upload_send_its_parts(publisher: Caller) -> None:
    upload = publisher.create().result["upload"]

    credentials = publisher.do("s3multipart_credentials", id=upload["id"])

    row = model.Session.get(UploadRow, upload["id"])
    assert credentials["key"] == row.key
    assert "prefix" not in credentials
    assert credentials["expiration"].endswith("+00:00")
    assert credentials["now"] < credentials["expiration"]
    assert credentials["url"].endswith(f"/{credentials['bucket']}/{row.key}")
    assert credentials["s3_upload_id"] == row.s3_upload_id
    store_of(credentials).upload_part(
        Bucket=credentials["bucket"], Key=row.key, UploadId=row.s3_upload_id, PartNumber=1, Body=b"1,2"
    )
    assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == "completed"


def test_those_of_an_upload_do_nothing_else(publisher: Caller) -> None:
    victim = model.Session.get(UploadRow, publisher.upload(b"published")["id"])
    upload = publisher.create().result["upload"]
    credentials = publisher.do("s3multipart_credentials", id=upload["id"])
    store, bucket = store_of(credentials), credentials["bucket"]

    for attempt in (
        lambda: store.put_object(Bucket=bucket, Key=victim.key, Body=b"forged"),
        lambda: store.get_object(Bucket=bucket, Key=victim.key),
        lambda: store.delete_object(Bucket=bucket, Key=victim.key),
        lambda: store.put_object(Bucket=bucket, Key=credentials["key"], Body=b"forged"),
        lambda: store.create_multipart_upload(Bucket=bucket, Key=f"{credentials['key']}x"),
        lambda: store.get_object(Bucket=bucket, Key=credentials["key"]),
        lambda: store.list_objects_v2(Bucket=bucket),
    ):
        with pytest.raises(ClientError) as refused:
            attempt()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_those_of_a_dataset_stay_under_their_prefix(publisher: Caller, another_publisher: Caller) -> None:
    theirs = model.Session.get(UploadRow, another_publisher.upload()["id"])
    credentials = publisher.do("s3multipart_credentials", owner=publisher.dataset)

    assert credentials["prefix"].startswith(f"{publisher.organisation_id}/{publisher.dataset}/")
    store = store_of(credentials)
    store.put_object(Bucket=credentials["bucket"], Key=f"{credentials['prefix']}of/mine.csv", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        store.put_object(Bucket=credentials["bucket"], Key=theirs.key, Body=b"forged")


class TestRefused:
    def test_anonymous_callers(self, publisher: Caller, anonymous: Caller) -> None:
        assert anonymous.call("s3multipart_credentials", owner=publisher.dataset).status == 401

    def test_users_who_may_not_edit_the_dataset(self, portal, publisher: Caller) -> None:
        answer = new_stranger(portal).call("s3multipart_credentials", owner=publisher.dataset)

        assert (answer.status, answer.error["code"]) == (403, "may_not_edit")

    def test_organisations_that_are_not_enabled(self, publisher: Caller, setting: Setting) -> None:
        setting("enabled_orgs", "")

        answer = publisher.call("s3multipart_credentials", owner=publisher.dataset)

        assert (answer.status, answer.error["code"]) == (403, "organisation_not_enabled")

    def test_a_completed_upload(self, publisher: Caller) -> None:
        upload = publisher.upload()

        answer = publisher.call("s3multipart_credentials", id=upload["id"])

        assert (answer.status, answer.error["code"]) == (409, "upload_not_open")

    def test_everyone_without_a_role(self, publisher: Caller, setting: Setting) -> None:
        setting("s3_role", "")

        answer = publisher.call("s3multipart_credentials", owner=publisher.dataset)

        assert (answer.status, answer.error["code"]) == (501, "credentials_not_configured")
        assert "s3_role" in answer.error["message"]

    def test_a_call_for_nothing(self, publisher: Caller) -> None:
        answer = publisher.call("s3multipart_credentials")

        assert (answer.status, answer.error["field"]) == (422, "owner")
