"""Every address that there is: for a stranger, a limited user, and a forger."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from console_visitor import ConsoleVisitor
from flask import Flask
from s3_clients import client_for
from werkzeug.routing import Rule

from s3portal.console.app import create_console
from s3portal.console.serving import ConsoleFrontEnd, backend_of
from s3portal.server.testing import RunningServer

SECRET_BUCKET, SECRET_USER, SECRET_KEY = "not-for-portal", "hidden-person", "hidden-object"
#: What a stranger may ask for.
#: What answers those who are not signed in: a provider that is not there is not found.
OPEN = {"sign_in.show", "sign_in.sign_in", "oidc.start", "oidc.come_back", "oidc.choose", "static"}
VALUES = {
    "bucket": SECRET_BUCKET,
    "kind": "users",
    "name": "cors",
    "what": "remove",
    "call": "create",
    "version": "1",
    "path": "console.css",
    "filename": "console.css",
}
QUERY = urlencode({"key": SECRET_KEY, "name": SECRET_USER, "id": "1", "arn": "arn:aws:iam::aws:policy/x"})


@pytest.fixture(scope="module")
def app(console: ConsoleFrontEnd, running: RunningServer) -> Flask:
    """The same pages as the running console's, to look at."""
    # Once that one has made its own: Python's ast, which makes addresses, is not safe for several threads.
    ConsoleVisitor(console.url).open("/ui/sign-in")
    return create_console(backend_of(running._server, console.folder))


@pytest.fixture(scope="module", autouse=True)
def secrets_of_others(running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket=SECRET_BUCKET)
    s3.put_object(Bucket=SECRET_BUCKET, Key=SECRET_KEY, Body=b"x")
    client_for(running, "admin", "iam").create_user(UserName=SECRET_USER)


def addresses(app: Flask, method: str) -> Iterator[tuple[Rule, str]]:
    adapter = app.url_map.bind("127.0.0.1")
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()):
            yield rule, adapter.build(rule.endpoint, {name: VALUES[name] for name in rule.arguments})


def test_a_stranger_gets_to_the_form_and_nowhere_else(app: Flask, stranger: ConsoleVisitor) -> None:
    walked = [(rule, path) for rule, path in addresses(app, "GET") if rule.endpoint not in OPEN]
    assert len(walked) > 30
    for rule, path in walked:
        answer = stranger.http.get(f"{stranger.origin}{path}?{QUERY}", allow_redirects=False)
        assert answer.status_code == 302, (rule, answer.status_code)
        assert answer.headers["Location"].startswith("/ui/sign-in"), rule
    # With a right token of the form, too.
    stranger.open("/ui/sign-in")
    for rule, path in addresses(app, "POST"):
        if rule.endpoint in OPEN:
            continue
        answer = stranger.http.post(
            f"{stranger.origin}{path}?{QUERY}",
            data={"csrf_token": stranger.token()},
            headers={"Origin": stranger.origin},
            allow_redirects=False,
        )
        assert (answer.status_code, answer.headers.get("Location")) == (302, "/ui/sign-in"), rule


def test_no_change_is_made_without_token_or_for_another_site(app: Flask, admin: ConsoleVisitor) -> None:
    admin.open("/ui/buckets/new")
    token, own = admin.token(), {"Origin": admin.origin}
    forged = (
        ({}, own),
        ({"csrf_token": ""}, own),
        ({"csrf_token": "0" * 64}, own),
        ({"csrf_token": token}, {"Origin": "http://evil.example"}),
        ({"csrf_token": token}, {"Origin": "null"}),
        ({"csrf_token": token}, {}),
    )
    walked = list(addresses(app, "POST"))
    assert len(walked) > 30
    for rule, path in walked:
        for data, headers in forged:
            answer = admin.http.post(
                f"{admin.origin}{path}?{QUERY}", data=data, headers=headers, allow_redirects=False
            )
            assert answer.status_code == 403, (rule, data, headers)


def test_only_get_and_post_are_taken(app: Flask) -> None:
    methods = {method for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    assert methods == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_limited_user_sees_nothing_of_others(app: Flask, limited: ConsoleVisitor) -> None:
    for rule, path in addresses(app, "GET"):
        if rule.endpoint.startswith("sign_in"):
            continue
        page = limited.http.get(f"{limited.origin}{path}?who=user/portal&action=s3:GetObject")
        assert page.status_code < 500, rule
        # The bucket's name is in the address itself.
        shown = page.text.replace(f"/buckets/{SECRET_BUCKET}", "")
        assert SECRET_USER not in shown and SECRET_KEY not in shown, rule
        if "bucket" in rule.arguments and not path.endswith(("/delete", "/share", "/download")):
            assert page.status_code in (302, 303, 400, 403, 404), (rule, page.status_code)


def test_a_limited_user_changes_nothing_of_others(
    app: Flask, limited: ConsoleVisitor, running: RunningServer
) -> None:
    limited.open("/ui/buckets/new")
    fields = {
        "csrf_token": limited.token(),
        "name": SECRET_BUCKET,
        "typed": SECRET_USER,
        "key": SECRET_KEY,
        "policy": "",
        "what": "remove",
        "upload_id": "x",
        "target": SECRET_BUCKET,
    }
    for rule, path in addresses(app, "POST"):
        if rule.endpoint.startswith("sign_in"):
            continue
        answer = limited.http.post(
            f"{limited.origin}{path}?{QUERY}", data=fields, headers={"Origin": limited.origin}
        )
        assert answer.status_code < 500, rule
        assert "AKIA" not in answer.text and SECRET_USER + "</a>" not in answer.text, rule
    s3 = client_for(running, "admin")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=SECRET_BUCKET)["Contents"]] == [SECRET_KEY]
    client_for(running, "admin", "iam").get_user(UserName=SECRET_USER)


def test_a_refused_object_is_refused_in_words(limited: ConsoleVisitor) -> None:
    page = limited.open(f"/ui/buckets/{SECRET_BUCKET}/object?key={SECRET_KEY}")
    assert page.status_code == 403 and "You may not do this" in page.text
    why = page.text.split('<a href="/ui/why?')[1].split('"')[0].replace("&amp;", "&")
    assert "who=user/portal" in why and f"resource={SECRET_BUCKET}/{SECRET_KEY}" in why
    assert "action=s3:GetObject" in why
    missing = limited.open("/ui/buckets/test-bucket/object?key=no-such-object")
    assert missing.status_code == 404 and "This did not work" in missing.text
