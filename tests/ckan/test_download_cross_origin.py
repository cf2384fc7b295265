"""Scripts of other sites read the files of public datasets by their links, and nothing else."""

from typing import Any

import pytest
import requests
from callers import Caller, new_publisher
from shown_links import CONTENT, Setting
from werkzeug.test import TestResponse

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.settings import portal_store
from s3portal.server.pytest_plugin import BUCKET

ELSEWHERE = {"Origin": "https://notebook.example"}


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


def ask_first(caller: Caller, url: str, headers: str = "range") -> TestResponse:
    """What a browser asks before it sends a range."""
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": headers, **ELSEWHERE}
    return caller.client().options(url, headers=asked)


def cors_headers(answer: Any) -> set[str]:
    return {name.lower() for name, _ in answer.headers.items() if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("mode", ["redirect", "proxy"])
def test_a_public_file_may_be_read(anonymous: Caller, resource: dict, setting: Setting, mode: str) -> None:
    setting("download_mode", mode)
    first = ask_first(anonymous, resource["url"])
    got = anonymous.get(resource["url"], headers=ELSEWHERE)
    described = anonymous.client().head(resource["url"], headers=ELSEWHERE)

    assert first.status_code == 204
    assert "Range" in first.headers["Access-Control-Allow-Headers"]
    for answer in (first, got, described):
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    for name in ("Content-Length", "Content-Range", "Accept-Ranges", "ETag"):
        assert name in described.headers["Access-Control-Expose-Headers"]


def test_the_store_lets_them_read_after_the_redirect(anonymous: Caller, resource: dict) -> None:
    location = anonymous.get(resource["url"], headers=ELSEWHERE).headers["Location"]

    answer = requests.get(location, headers={"Origin": "null", "Range": "bytes=0-6"}, timeout=120)

    assert (answer.status_code, answer.content) == (206, CONTENT[:7])
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("who", ["publisher", "nobody"])
def test_a_private_file_has_no_such_headers(portal: Any, anonymous: Caller, who: str) -> None:
    private = new_publisher(portal, private=True)
    link = private.publish(CONTENT)["url"]
    caller = private if who == "publisher" else anonymous

    answers = [
        ask_first(caller, link),
        ask_first(caller, link, "range,authorization"),
        caller.get(link, headers=ELSEWHERE),
        caller.client().head(link, headers={**caller.headers, **ELSEWHERE}),
    ]

    assert [cors_headers(each) for each in answers] == [set()] * 4


def test_what_turns_private_has_none_at_once(publisher: Caller, resource: dict) -> None:
    assert ask_first(publisher, resource["url"]).status_code == 204

    publisher.do("package_patch", id=publisher.dataset, private=True)

    assert cors_headers(ask_first(publisher, resource["url"])) == set()
    assert cors_headers(publisher.get(resource["url"], headers=ELSEWHERE)) == set()


def test_a_link_that_leads_nowhere_says_the_same_as_a_private_one(portal: Any, anonymous: Caller) -> None:
    private = new_publisher(portal, private=True)
    link = private.publish(CONTENT)["url"]

    of_private = ask_first(anonymous, link)
    of_nothing = ask_first(anonymous, f"/dataset/{private.dataset}/resource/no-such/download")

    assert (of_private.status_code, of_private.data) == (of_nothing.status_code, of_nothing.data)


def test_it_can_be_turned_off(anonymous: Caller, resource: dict, setting: Setting) -> None:
    setting("cross_origin_downloads", False)

    assert cors_headers(ask_first(anonymous, resource["url"])) == set()
    assert cors_headers(anonymous.get(resource["url"], headers=ELSEWHERE)) == set()


def test_the_headers_that_ckan_itself_writes_do_not_get_in_the_way(
    anonymous: Caller, resource: dict, ckan_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ckan_config, "ckan.cors.origin_allow_all", True)

    first = ask_first(anonymous, resource["url"])

    assert "Range" in first.headers["Access-Control-Allow-Headers"]
    assert anonymous.get(resource["url"], headers=ELSEWHERE).headers.getlist(
        "Access-Control-Allow-Origin"
    ) == ["*"]


def test_the_doctor_adds_the_rule_to_the_bucket(
    cli: Any, ckan_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ckan_config, "ckan.site_url", "http://127.0.0.1:5000")
    client = portal_store().client()
    before = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    only_pages = [rule for rule in before if rule["AllowedOrigins"] != ["*"]]
    client.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": only_pages})
    try:
        told = cli.invoke(s3multipart, ["doctor"]).output
        applied = cli.invoke(s3multipart, ["doctor", "--apply"]).output
        after = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
        again = cli.invoke(s3multipart, ["doctor"]).output
    finally:
        client.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": before})

    assert "! store: CORS for readers: scripts of other sites cannot read public files" in told
    assert "✓ store: CORS for readers: applied" in applied
    assert after[: len(only_pages)] == only_pages
    assert [(rule["AllowedOrigins"], rule["AllowedMethods"]) for rule in after[len(only_pages) :]] == [
        (["*"], ["GET", "HEAD"])
    ]
    assert "✓ store: CORS for readers: scripts of other sites may read" in again
