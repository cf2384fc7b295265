"""The API, asked by somebody who means harm: refused with a reason, and never a crash."""

import pytest
import requests
from callers import Caller
from strange_values import STRANGE
from werkzeug.http import parse_options_header

ABOUT_AN_UPLOAD = ("show", "sign_parts", "complete", "abort")


@pytest.mark.parametrize(
    "field",
    [
        "owner",
        "resource",
        "filename",
        "size",
        "content_type",
        "fingerprint",
        "idempotency_key",
        "round_trip_ms",
    ],
)
def test_no_value_of_a_field_is_more_than_refused(publisher: Caller, field: str) -> None:
    for value in STRANGE:
        answer = publisher.create(**{field: value})
        assert answer.status in (200, 404, 413, 422), (value, answer.body)


@pytest.mark.parametrize("call", ABOUT_AN_UPLOAD)
def test_no_id_is_more_than_refused(publisher: Caller, call: str) -> None:
    for value in STRANGE:
        more = {"part_numbers": [1]} if call == "sign_parts" else {}
        answer = publisher.call(f"s3multipart_upload_{call}", id=value, **more)
        assert answer.status in (404, 422), (value, answer.body)


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("s3multipart_upload_list", "owner"),
        ("s3multipart_credentials", "owner"),
        ("s3multipart_credentials", "id"),
    ],
)
def test_nothing_else_crashes_either(publisher: Caller, action: str, field: str) -> None:
    for value in STRANGE:
        answer = publisher.call(action, **{field: value})
        assert answer.status in (200, 404, 422), (value, answer.body)


def test_no_part_outside_the_plan_is_signed(publisher: Caller) -> None:
    upload = publisher.create(size=1).result["upload"]
    for numbers in [*STRANGE, [0], [-1], [10**30], [2], [1] * 2000, "1", ["1"], [None], [True]]:
        answer = publisher.call("s3multipart_upload_sign_parts", id=upload["id"], part_numbers=numbers)
        assert answer.status == 422, (numbers, answer.body)


def test_no_checksum_is_more_than_refused(publisher: Caller) -> None:
    upload = publisher.begin(b"1,2")
    forged = [
        {"algorithm": "MD5", "value": "x"},
        {"algorithm": 1},
        {"algorithm": "CRC64NVME", "value": "\ud800"},
    ]
    for checksum in [value for value in (*STRANGE, *forged) if value]:
        answer = publisher.call("s3multipart_upload_complete", id=upload["id"], checksum=checksum)
        assert answer.status in (409, 422), (checksum, answer.body)


def test_no_upload_id_of_a_resource_is_more_than_refused(publisher: Caller) -> None:
    for value in (value for value in STRANGE if value):
        answer = publisher.call("resource_create", package_id=publisher.dataset, s3multipart_upload_id=value)
        assert answer.status in (404, 409, 422), (value, answer.body)


NAMES = [
    "../../../etc/passwd.csv",
    "..\\..\\boot.csv",
    "/etc/passwd.csv",
    "..",
    ".",
    "a/b/../c.csv",
    "%2e%2e%2fx.csv",
    "CON",
    "a\r\nX-Evil: 1.csv",
    'a";filename=evil.exe;x="',
    "\u202efdp.exe",
    " ",
    "n" * 1000,
    "~/.ssh/id",
    "a?versionId=1#x",
    "Grüße 100 %.csv",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_the_dataset_s_prefix_or_into_a_header(publisher: Caller, name: str) -> None:
    created = publisher.create(size=3, filename=name).result
    upload = created["upload"]
    sent = requests.put(
        created["parts"][0]["url"], data=b"1,2", headers=created["parts"][0]["headers"], timeout=120
    )
    assert sent.status_code == 200
    path = sent.request.path_url.partition("?")[0]
    assert path.startswith(f"/test-bucket/{publisher.organisation_id}/{publisher.dataset}/{upload['id']}/")
    assert path.count("/") == 5
    publisher.do("s3multipart_upload_complete", id=upload["id"])
    resource = publisher.attach(upload)
    answer = publisher.follow(resource["url"])
    assert answer.content == b"1,2"
    kind, parameters = parse_options_header(answer.headers["Content-Disposition"])
    assert (kind, parameters.keys()) == ("attachment", {"filename"})
    assert parameters["filename"] != "evil.exe"
    assert "X-Evil" not in answer.headers
    described = publisher.head(resource["url"])
    assert (described.status_code, "X-Evil" in described.headers) == (200, False)


@pytest.mark.parametrize(
    "name", ["evil.html", "evil.svg", "evil.xhtml", "evil.xml", "evil.js", "evil.mht", "evil"]
)
def test_nothing_that_can_run_is_shown_in_place(publisher: Caller, name: str) -> None:
    resource = publisher.publish(b"<script>alert(1)</script>", filename=name, content_type="text/html")
    answer = publisher.follow(resource["url"])
    described = publisher.head(resource["url"])
    for headers in (answer.headers, described.headers):
        assert headers["Content-Disposition"].startswith("attachment")
        assert not any(word in headers["Content-Type"] for word in ("html", "svg", "xml", "script"))


def test_more_bytes_than_were_announced_are_not_taken(publisher: Caller) -> None:
    created = publisher.create(size=3).result
    part = created["parts"][0]
    assert (
        requests.put(part["url"], data=b"far more", headers=part["headers"], timeout=120).status_code == 403
    )
    forged = part["url"].replace("partNumber=1", "partNumber=2")
    assert requests.put(forged, data=b"1,2", headers=part["headers"], timeout=120).status_code == 403
    answer = publisher.call("s3multipart_upload_complete", id=created["upload"]["id"])
    assert (answer.status, answer.error["code"]) == (409, "parts_missing")


@pytest.mark.parametrize("route", ["get_s3_auth", "get_s3_post"])
@pytest.mark.parametrize("dataset", ["%00", "a%00b", "%ED%A0%80", "x" * 5000, "..%2f..%2fetc"])
def test_the_old_routes_refuse_what_is_no_dataset(publisher: Caller, route: str, dataset: str) -> None:
    assert publisher.get(f"/api/3/action/{route}/{dataset}").status_code in (400, 404)


def test_a_resource_that_calls_itself_an_upload_gets_no_file(
    publisher: Caller, another_publisher: Caller
) -> None:
    """Its type, address and id are the caller's to choose; the file of another is not."""
    theirs = another_publisher.publish(b"secret")
    forged = publisher.call(
        "resource_create", package_id=publisher.dataset, id=theirs["id"], url=theirs["url"], url_type="upload"
    )
    assert forged.status in (403, 409), forged.body
    linked = publisher.do(
        "resource_create",
        package_id=publisher.dataset,
        url=theirs["url"],
        url_type="upload",
        hash=theirs["id"],
    )
    link = f"/dataset/{publisher.dataset}/resource/{linked['id']}/download/rivers.csv"
    assert publisher.get(link).status_code == 404
    assert another_publisher.follow(theirs["url"]).content == b"secret"
