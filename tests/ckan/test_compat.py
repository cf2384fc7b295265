"""What sites that ran ckanext-s3multipart call answers in the shapes they know, to those who may."""

import base64
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from callers import Caller, new_stranger

from ckanext.s3multipart.moving import compat
from s3portal.transfer import StoreBusy

Setting = Callable[[str, object], None]


def fetch(caller: Caller, route: str, dataset: str) -> tuple[int, dict]:
    answer = caller.get(f"/api/3/action/{route}/{dataset}")
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.status_code, answer.get_json()


def test_get_s3_auth_answers_what_sts_answers(publisher: Caller, store_settings: dict[str, str]) -> None:
    status, answer = fetch(publisher, "get_s3_auth", publisher.dataset)

    assert status == 200
    issued = answer["Credentials"]
    assert sorted(issued) == ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken"]
    store = boto3.client(
        "s3",
        endpoint_url=store_settings["ckanext.s3multipart.s3_endpoint"],
        region_name="us-east-1",
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
    )
    assert sorted(answer) == ["Credentials", "Prefix"]
    key = f"{answer['Prefix']}rivers.csv"
    assert store.put_object(Bucket="test-bucket", Key=key, Body=b"1")["ETag"]


def test_get_s3_post_answers_a_form_for_one_private_file(publisher: Caller) -> None:
    status, answer = fetch(publisher, "get_s3_post", publisher.dataset)

    assert status == 200
    assert sorted(answer) == ["curl_example", "fields", "url"]
    prefix = f"{publisher.organisation_id}/{publisher.dataset}/"
    assert answer["fields"]["key"].startswith(prefix)
    assert answer["fields"]["key"].endswith("/${filename}")
    assert answer["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert "acl" not in answer["fields"]
    assert answer["url"].endswith("/test-bucket/")
    assert answer["curl_example"].startswith("curl -v -F")


def test_the_curl_example_stores_the_file_in_the_dataset(
    publisher: Caller, store_settings: dict[str, str], tmp_path: Path
) -> None:
    example = fetch(publisher, "get_s3_post", publisher.dataset)[1]["curl_example"]
    (tmp_path / "rivers.csv").write_bytes(b"gauge,level\n")

    words = [word.replace("@filename", "@rivers.csv") for word in shlex.split(example)]
    ran = subprocess.run([*words, "--fail"], cwd=tmp_path, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    store = boto3.client(
        "s3",
        endpoint_url=store_settings["ckanext.s3multipart.s3_endpoint"],
        region_name="us-east-1",
        aws_access_key_id=store_settings["ckanext.s3multipart.s3_access_key_id"],
        aws_secret_access_key=store_settings["ckanext.s3multipart.s3_secret_access_key"],
    )
    prefix = f"{publisher.organisation_id}/{publisher.dataset}/"
    found = store.list_objects_v2(Bucket="test-bucket", Prefix=prefix)["Contents"]
    assert [item["Key"].rsplit("/", 1)[1] for item in found if item["Size"] == 12] == ["rivers.csv"]


def test_two_forms_never_write_to_the_same_place(publisher: Caller) -> None:
    keys = {fetch(publisher, "get_s3_post", publisher.dataset)[1]["fields"]["key"] for _ in range(2)}

    assert len(keys) == 2


def test_the_form_limits_the_size(publisher: Caller, setting: Setting) -> None:
    setting("max_upload_size", "7 MB")

    _, answer = fetch(publisher, "get_s3_post", publisher.dataset)

    policy = json.loads(base64.b64decode(answer["fields"]["policy"]))
    assert ["content-length-range", 0, 7_000_000] in policy["conditions"]


@pytest.mark.parametrize("route", ["get_s3_auth", "get_s3_post"])
class TestRefused:
    def test_anonymous_callers(self, publisher: Caller, anonymous: Caller, route: str) -> None:
        status, answer = fetch(anonymous, route, publisher.dataset)

        assert (status, list(answer)) == (401, ["error"])

    def test_users_who_may_not_edit(self, portal, publisher: Caller, route: str) -> None:
        status, answer = fetch(new_stranger(portal), route, publisher.dataset)

        assert (status, list(answer)) == (403, ["error"])

    def test_organisations_that_are_not_enabled(
        self, publisher: Caller, setting: Setting, route: str
    ) -> None:
        setting("enabled_orgs", "some-other-lab")

        status, answer = fetch(publisher, route, publisher.dataset)

        assert (status, list(answer)) == (403, ["error"])

    def test_datasets_that_are_not_there(self, publisher: Caller, route: str) -> None:
        assert fetch(publisher, route, "no-such-dataset")[0] == 404

    def test_pages_of_other_sites(self, publisher: Caller, route: str) -> None:
        """JSONP would hand the answer to any page that a signed-in publisher looks at."""
        answer = publisher.get(f"/api/3/action/{route}/{publisher.dataset}?callback=steal")

        assert not answer.get_data(as_text=True).startswith("steal")
        assert answer.content_type.startswith("application/json")


def test_a_portal_without_a_role_says_so(publisher: Caller, setting: Setting) -> None:
    setting("s3_role", "")

    assert fetch(publisher, "get_s3_auth", publisher.dataset)[0] == 501


def test_a_store_that_is_away_says_when_to_come_again(
    publisher: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy(operation="AssumeRole", retry_after_s=7)

    monkeypatch.setattr(compat, "dataset_credentials", busy)

    answer = publisher.get(f"/api/3/action/get_s3_auth/{publisher.dataset}")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_template_helpers_are_there(publisher: Caller, portal) -> None:
    with portal.flask_app.test_request_context(headers=publisher.headers):
        portal.flask_app.preprocess_request()
        helpers = compat.helpers()
        assert helpers["get_s3_bucket"]() == "test-bucket"
        assert helpers["get_s3_region"]() == "us-east-1"
        prefix = helpers["get_s3_prefix"](publisher.dataset)
        assert prefix.startswith(f"{publisher.organisation_id}/{publisher.dataset}/")
        issued = helpers["get_session_credentials"](publisher.dataset)
        assert ("AccessKeyId" in issued["Credentials"], issued["Prefix"]) == (True, prefix)


def test_the_credentials_helper_refuses_without_an_exception(publisher: Caller, portal) -> None:
    with portal.flask_app.test_request_context():
        portal.flask_app.preprocess_request()
        assert list(compat.get_session_credentials(publisher.dataset)) == ["error"]
