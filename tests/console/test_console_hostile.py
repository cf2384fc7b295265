"""What somebody hostile puts into addresses, forms and objects: every answer is a page."""

from __future__ import annotations

import html
import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

import pytest
import requests
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.range_file import MOST_READ_BYTES
from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

BUCKET = "test-bucket"
OBJECTS = f"/ui/buckets/{BUCKET}"
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}\u202e"
LONG = "n" * 7000


@pytest.fixture(scope="module")
def admin(console: ConsoleFrontEnd, running: RunningServer) -> ConsoleVisitor:
    """The administrator, signed in once for all of these."""
    visitor, user = ConsoleVisitor(console.url), running.users["admin"]
    assert visitor.sign_in(user.access_key_id, user.secret_access_key).status_code == 200
    return visitor


@pytest.mark.parametrize(
    "path",
    [
        f"/ui/buckets/{quote(name, safe='')}{page}"
        for name in (HOSTILE, "..", "%2e%2e", "a/../b", "\0", "a?policy", "x" * 300, "A b", "a--x-s3", "ö")
        for page in ("/objects", "/settings", "/policy", "/upload", "/acl")
    ]
    + [
        "/ui/buckets/arn:aws:s3:us-east-1:000000000000:accesspoint:one/objects",
        f"{OBJECTS}/object?key=",
        f"{OBJECTS}/object/preview?key=",
        f"{OBJECTS}/object/download?key=",
        f"{OBJECTS}/object/share?key=",
        f"{OBJECTS}/object?key=%00",
        f"{OBJECTS}/object?key=%ff%fe&version=%ff",
        f"{OBJECTS}/object?key=..%2f..%2fetc%2fpasswd",
        f"{OBJECTS}/object?key={LONG}",
        f"{OBJECTS}/objects?page=nonsense&sort=%00&prefix=%ff",
        f"{OBJECTS}/objects?start={LONG}",
        f"{OBJECTS}/documents/%2e%2e",
        "/ui/people/users/one?name=..",
        "/ui/people/users/one?name=",
        f"/ui/people/users/one?name={quote(HOSTILE)}",
        "/ui/people/policies/one?arn=",
        f"/ui/people/policies/one?arn={quote(HOSTILE)}",
        f"/ui/keys/one?id={quote(HOSTILE)}",
        "/ui/keys/one?id=",
        f"/ui/why?who=nobody/x&action=s3:GetObject&resource={quote(HOSTILE)}",
        "/ui/why?who=user&action=s3:GetObject&resource=test-bucket",
        "/ui/why?who=user/portal&action=%00&resource=%ff&address=nowhere&time=never",
        f"/ui/server/audit?user={quote(HOSTILE)}&since=9999-99-99&until=0001-01-01T00:00",
        f"/ui/web/../../{quote(HOSTILE)}",
        "/ui/static/..%2f..%2fapp.py",
        "/ui/web/1/..%2f..%2fapp.py",
    ],
)
def test_no_address_breaks_a_page(admin: ConsoleVisitor, path: str) -> None:
    page = admin.open(path)
    assert page.status_code < 500, page.text
    assert "<img src=x" not in page.text


@pytest.mark.parametrize(
    ("page", "action", "fields"),
    [
        ("/ui/buckets/new", "", {"name": "bad name!"}),
        ("/ui/buckets/new", "", {"name": ""}),
        ("/ui/buckets/new", "", {"name": "../x"}),
        (f"{OBJECTS}/policy", "", {"policy": "1" * 5000}),
        (f"{OBJECTS}/policy", "", {"policy": '{"a":' + "1" * 5000 + "}"}),
        (f"{OBJECTS}/policy", "", {"policy": '{"a":' * 5000}),
        (f"{OBJECTS}/policy", "", {"policy": '{"a":' + "[" * 900 + "]" * 900 + "}"}),
        (f"{OBJECTS}/policy", "", {"policy": '{"Statement": NaN, "Version": "\\ud800"}'}),
        (f"{OBJECTS}/documents/cors", "", {"document": '{"CORSRules": "x"}'}),
        (f"{OBJECTS}/documents/cors", "", {"document": '{"CORSRules": [{"AllowedOrigins": ["\\u0000"]}]}'}),
        (
            f"{OBJECTS}/documents/cors",
            "",
            {"document": '{"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["\\ud800"]}]}'},
        ),
        (
            f"{OBJECTS}/documents/lifecycle",
            "",
            {"document": '{"Rules": [{"Status": "Enabled", "Expiration": {"Date": 1e308}}]}'},
        ),
        (f"{OBJECTS}/settings", "/settings/lock", {"days": "9" * 5000}),
        (f"{OBJECTS}/settings", "/settings/quota", {"max_bytes": "9" * 5000}),
        (f"{OBJECTS}/settings", "/settings/quota", {"max_objects": "9" * 50}),
        (f"{OBJECTS}/settings", "/settings/tags", {"tags": "=\n\0=x"}),
        (f"{OBJECTS}/settings", "/settings/encryption", {"encryption": HOSTILE, "key_id": HOSTILE}),
        (f"{OBJECTS}/settings", "/settings/ownership", {"ownership": HOSTILE}),
        ("/ui/people/users", "", {"name": HOSTILE}),
        ("/ui/people/users", "", {"name": ""}),
        ("/ui/people/policies", "", {"name": HOSTILE, "document": '{"Statement": "\\ud800"}'}),
        ("/ui/keys", "", {"alias": HOSTILE, "description": "\0"}),
        ("/ui/server/connections", "", {"name": HOSTILE, "endpoint": "http://["}),
        (f"{OBJECTS}/replication", "", {"connection": HOSTILE, "target_bucket": HOSTILE}),
    ],
)
def test_no_form_breaks_a_page(
    admin: ConsoleVisitor, page: str, action: str, fields: Mapping[str, str]
) -> None:
    admin.open(page)
    data = {"csrf_token": admin.token(), **fields}
    url = f"{admin.origin}{page.removesuffix('/settings')}{action}"
    answer = admin.http.post(url, data=data, headers={"Origin": admin.origin})
    assert answer.status_code < 500, answer.text
    assert "<img src=x" not in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"done": "nonsense"},
        {"done": "9" * 5000},
        {"done": "-5", "failed": "x"},
        {"total": "x"},
        {"total": "9" * 5000},
        {"key": ""},
        {"key": "o:"},
        {"key": "f:", "after": "\0"},
        {"key": "x:" + HOSTILE, "failure": HOSTILE},
    ],
)
@pytest.mark.parametrize("what", ["delete", "copy"])
def test_hidden_fields_that_somebody_changed_are_no_failure(
    admin: ConsoleVisitor, what: str, fields: dict[str, str]
) -> None:
    admin.open(f"{OBJECTS}/policy")
    data = {"csrf_token": admin.token(), "key": "o:not-there", **fields}
    if what == "copy":
        data["target"] = "bad target!"
    answer = admin.http.post(
        f"{admin.origin}{OBJECTS}/chosen/{what}", data=data, headers={"Origin": admin.origin}
    )
    assert answer.status_code < 500 and "<img src=x" not in answer.text


def zip_of(names: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(names):
            archive.writestr(f"{number}{HOSTILE}", b"")
    return content.getvalue()


def end_record(directory_bytes: int, *, offset: int = 0) -> bytes:
    """The end of an archive that says how long its directory is."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, directory_bytes, offset, 0)


ARCHIVES = {
    "names.zip": zip_of(3),
    "empty.zip": b"PK\5\6" + b"\0" * 18,
    "cut.zip": zip_of(3)[:-10],
    "huge-directory.zip": b"x" * 100 + end_record(0xFFFFFFF0),
    "negative-start.zip": b"x" * 100 + end_record(90, offset=5000),
    "garbage-directory.zip": b"PK\1\2" + b"\xff" * 96 + end_record(100),
    "zip64.zip": struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 2**63, 0)
    + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    + end_record(0xFFFFFFFF, offset=0xFFFFFFFF),
    "long-directory.zip": b"\0" * (MOST_READ_BYTES + 1) + end_record(MOST_READ_BYTES + 1),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_no_archive_breaks_a_preview(admin: ConsoleVisitor, running: RunningServer, name: str) -> None:
    client_for(running, "admin").put_object(Bucket=BUCKET, Key=name, Body=ARCHIVES[name])
    page = admin.open(f"{OBJECTS}/object/preview?key={name}")
    assert page.status_code == 200 and "<img src=x" not in page.text
    assert name != "names.zip" or "&lt;img src=x" in page.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'{"a": "\\ud800"}'),
        ("a.json", b"[" * 60_000),
        ("a.json", b"1" * 60_000),
        ("a.json", b"NaN"),
        ("a.csv", b'a,"b\0\n"' + b"," * 60_000),
        ("a.csv", HOSTILE.encode() + b",=1+1\n" + HOSTILE.encode()),
        ("a.txt", b"\xff\xfe\x00<script>"),
        (HOSTILE + ".txt", b"x"),
    ],
)
def test_no_content_breaks_a_preview(
    admin: ConsoleVisitor, running: RunningServer, name: str, content: bytes
) -> None:
    client_for(running, "admin").put_object(Bucket=BUCKET, Key=name, Body=content)
    page = admin.open(f"{OBJECTS}/object/preview?key={quote(name)}")
    assert page.status_code == 200 and "<img src=x" not in page.text and "<script>" not in page.text


@pytest.mark.parametrize("name", ["a.html", "a.svg"])
def test_what_runs_scripts_is_not_offered_outside_of_its_frame(
    admin: ConsoleVisitor, running: RunningServer, name: str
) -> None:
    client_for(running, "admin").put_object(Bucket=BUCKET, Key=name, Body=b"<script>1</script>")
    page = admin.open(f"{OBJECTS}/object/preview?key={name}").text
    assert '<iframe class="preview" sandbox ' in page and "new tab" not in page


def test_a_page_that_is_called_a_pdf_is_none(admin: ConsoleVisitor, running: RunningServer) -> None:
    """It opens in a tab without a sandbox: the store says what it is, whatever its bytes are."""
    key = "a;b,'c' ü.pdf"
    client_for(running, "admin").put_object(
        Bucket=BUCKET, Key=key, Body=b"<script>1</script>", ContentType="text/html"
    )
    page = admin.open(f"{OBJECTS}/object/preview?key={quote(key)}").text
    link = re.search(
        r'<a class="button main" href="([^"]+)" target="_blank" rel="noopener noreferrer">Open in', page
    )
    assert page.count("<iframe") == page.count('sandbox="allow-scripts"') == 1 and link
    url = html.unescape(link[1])
    answer = requests.get(url, timeout=60)
    assert url.startswith(running.endpoint) and answer.headers["Content-Type"] == "application/pdf"
    assert requests.get(url.replace("application%2Fpdf", "text%2Fhtml"), timeout=60).status_code == 403


def test_a_link_that_is_too_long_for_a_code_is_still_a_link(
    admin: ConsoleVisitor, running: RunningServer
) -> None:
    key = "ü" * 500
    client_for(running, "admin").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    admin.open(f"{OBJECTS}/object/share?key={quote(key)}")
    page = admin.submit("", number="1", unit="days")
    assert page.status_code == 200 and "X-Amz-Signature" in page.text and "<svg" not in page.text


def test_many_long_names_can_be_chosen(admin: ConsoleVisitor) -> None:
    admin.open("/ui/buckets/new")
    data = {"csrf_token": admin.token(), "key": [f"o:{number}" + "ü" * 500 for number in range(200)]}
    answer = admin.http.post(f"{admin.origin}{OBJECTS}/chosen", data=data, headers={"Origin": admin.origin})
    assert answer.status_code == 200 and "Delete what you chose?" in answer.text


def test_a_policy_with_half_a_character_is_shown(admin: ConsoleVisitor, running: RunningServer) -> None:
    iam = client_for(running, "admin", "iam")
    iam.create_user(UserName="half")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/\ud800"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="half", PolicyName="odd", PolicyDocument=document)
    assert admin.open("/ui/people/users/one?name=half").status_code == 200


@pytest.mark.parametrize("header", ["http://[", "://", "http://%00", "\xff"])
def test_an_odd_origin_is_another_origin(admin: ConsoleVisitor, header: str) -> None:
    admin.open("/ui/buckets/new")
    answer = admin.http.post(
        f"{admin.origin}/ui/buckets/new",
        data={"csrf_token": admin.token(), "name": "forged"},
        headers={"Origin": header.encode("latin-1")},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example:1", "[", "a b", "x;script-src *", "\xff", "[::1]:80"])
def test_an_odd_host_is_no_failure(stranger: ConsoleVisitor, host: str) -> None:
    connection = HTTPConnection(urlsplit(stranger.origin).netloc, timeout=10)
    connection.putrequest("GET", "/ui/sign-in", skip_host=True)
    connection.putheader("Host", host.encode("latin-1"))
    connection.endheaders()
    answer = connection.getresponse()
    connection.close()
    assert answer.status < 500
    assert "script-src *" not in answer.headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize(
    "cookie", ["\xff", "\xed\xa0\x80", '"\\377"', "x" * 5000, "a; s3portal_visitor_{port}=\xff"]
)
def test_an_odd_cookie_is_nobodys(stranger: ConsoleVisitor, cookie: str) -> None:
    name = stranger.cookie_name("s3portal_console")
    said = f"{name}={cookie.format(port=urlsplit(stranger.origin).port)}".encode("latin-1")
    page = stranger.http.get(f"{stranger.origin}/ui/buckets", headers={"Cookie": said})
    assert page.status_code < 500 and (page.status_code != 200 or "/ui/sign-in" in page.url)
