"""Where links lead: for nobody to a page that says that they may not see it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

BUCKET = "linked"
#: What people may do, besides what anybody may.
POLICIES: dict[str, list[dict[str, Any]]] = {
    "nobody": [],
    "lister": [
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
    ],
    "reader": [
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": f"arn:aws:s3:::{BUCKET}*"},
    ],
    "writer": [
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}*"},
    ],
    "personnel": [{"Effect": "Allow", "Action": ["iam:List*", "iam:Get*"], "Resource": "*"}],
    "key keeper": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}],
}
#: Who may list objects and not read them sees names, and which could be read is not asked for each.
EXPECTED = {("lister", f"/ui/buckets/{BUCKET}/object?key={key}") for key in ("a/b.csv", "c.pdf")}


@pytest.fixture(scope="module")
def people(running: RunningServer) -> dict[str, tuple[str, str]]:
    """Keys of users who may do little, by their names."""
    s3, iam, kms = (client_for(running, "admin", service) for service in ("s3", "iam", "kms"))
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="a/b.csv", Body=b"a,b\n")
    s3.put_object(Bucket=BUCKET, Key="c.pdf", Body=b"%PDF-1.4")
    s3.create_multipart_upload(Bucket=BUCKET, Key="half")
    kms.create_key()
    keys = {}
    for name, statements in POLICIES.items():
        user = name.replace(" ", "-")
        iam.create_user(UserName=user)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=document)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[name] = (key["AccessKeyId"], key["SecretAccessKey"])
    return keys


def links(page: str) -> Iterator[str]:
    for link in re.findall(r'<a [^>]*href="(/ui[^"#]*)"', page):
        yield unescape(link)


def walked(visitor: ConsoleVisitor) -> Iterator[tuple[str, str, int]]:
    """Follows every link from the first page on; yields where it was, where it leads, and the status there.
    Of addresses that differ in their parameters' values alone one is enough."""
    waiting, seen = [("sign-in", "/ui/buckets")], set()
    while waiting:
        came_from, path = waiting.pop()
        parts = urlsplit(path)
        kind = (parts.path, re.sub(r"=[^&]*", "", parts.query))
        if kind in seen or parts.path.endswith("/download"):
            continue
        seen.add(kind)
        page = visitor.open(path)
        yield came_from, path, page.status_code
        waiting += [(path, link) for link in links(page.text)]


@pytest.mark.parametrize("name", POLICIES)
def test_no_link_leads_to_a_refusal(
    console: ConsoleFrontEnd, people: dict[str, tuple[str, str]], name: str
) -> None:
    visitor = ConsoleVisitor(console.url)
    assert visitor.sign_in(*people[name]).status_code == 200
    found = list(walked(visitor))
    assert len(found) > 2
    assert [one for one in found if one[2] != 200 and (name, one[1]) not in EXPECTED] == []


def test_everybody_s_links_of_a_refusal_lead_somewhere(
    console: ConsoleFrontEnd, people: dict[str, tuple[str, str]]
) -> None:
    visitor = ConsoleVisitor(console.url)
    visitor.sign_in(*people["nobody"])
    page = visitor.open(f"/ui/buckets/{BUCKET}/objects")
    assert page.status_code == 403
    for link in links(page.text):
        assert visitor.open(link).status_code == 200, link
