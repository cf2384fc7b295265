"""May X do Y on Z, and why?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.server.testing import RunningServer

BUCKET = "console-why"
ARN = f"arn:aws:s3:::{BUCKET}/*"


@pytest.fixture(scope="module", autouse=True)
def people(running: RunningServer) -> None:
    s3, iam = client_for(running, "admin"), client_for(running, "admin", "iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.delete_public_access_block(Bucket=BUCKET)
    iam.create_user(UserName="anna")
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="anna")
    reading = [
        {"Sid": "Other", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::other/*"},
        {"Sid": "Reading", "Effect": "Allow", "Action": "s3:GetObject", "Resource": ARN},
    ]
    iam.put_group_policy(GroupName="readers", PolicyName="reading", PolicyDocument=policy(*reading))
    own = {
        "Sid": "NotFromThere",
        "Effect": "Deny",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}},
    }
    iam.put_user_policy(UserName="anna", PolicyName="own", PolicyDocument=policy(own))
    public = {
        "Sid": "Public",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"{ARN[:-1]}open/*",
    }
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(public))


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def ask(visitor: ConsoleVisitor, **asked: str) -> str:
    return visitor.open(requests.Request("GET", "http://x/ui/why", params=asked).prepare().url[8:]).text


def marked(page: str) -> str:
    return " ".join(re.findall(r"<mark>(.*?)</mark>", page))


def test_a_group_allows_and_its_statement_is_marked(admin: ConsoleVisitor) -> None:
    page = ask(admin, who="user/anna", action="s3:GetObject", resource=f"{BUCKET}/a")
    assert "<strong>Yes.</strong>" in page and "readers: reading" in page
    assert "Reading" in marked(page) and "Other" not in marked(page)


def test_a_deny_with_a_condition_is_found(admin: ConsoleVisitor) -> None:
    page = ask(admin, who="user/anna", action="s3:GetObject", resource=f"{BUCKET}/a", address="198.51.100.7")
    assert "<strong>No.</strong>" in page and "NotFromThere" in marked(page) and "anna: own" in page


def test_what_nobody_speaks_of_is_said_with_what_to_add(admin: ConsoleVisitor) -> None:
    page = ask(admin, who="user/anna", action="s3:DeleteObject", resource=f"{BUCKET}/a")
    assert "<strong>No.</strong>" in page and "No statement covers this" in page
    assert "&#34;Action&#34;: &#34;s3:DeleteObject&#34;" in page


def test_a_bucket_policy_decides_for_everybody(admin: ConsoleVisitor) -> None:
    page = ask(admin, who="anonymous", action="s3:GetObject", resource=f"{BUCKET}/open/a")
    assert "<strong>Yes.</strong>" in page and "Public" in marked(page)
    assert "<strong>No.</strong>" in ask(
        admin, who="anonymous", action="s3:GetObject", resource=f"{BUCKET}/a"
    )


def test_a_block_keeps_strangers_out(admin: ConsoleVisitor, running: RunningServer) -> None:
    s3 = client_for(running, "admin")
    block = {"RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)
    page = ask(admin, who="anonymous", action="s3:GetObject", resource=f"{BUCKET}/open/a")
    assert "public access block keeps strangers out" in page
    assert requests.get(f"{running.endpoint}/{BUCKET}/open/a", timeout=10).status_code == 403
    s3.delete_public_access_block(Bucket=BUCKET)


def test_the_administrator_by_the_configuration_file(admin: ConsoleVisitor) -> None:
    page = ask(admin, who="user/admin", action="s3:DeleteBucket", resource=BUCKET)
    assert "<strong>Yes.</strong>" in page


@pytest.mark.parametrize("asked", [{"action": "nonsense"}, {"who": "user/nobody", "action": "s3:GetObject"}])
def test_what_cannot_be_asked_is_a_sentence(admin: ConsoleVisitor, asked: dict[str, str]) -> None:
    page = ask(admin, **asked)
    assert 'role="alert"' in page and "has a problem" not in page


def test_who_may_not_ask_is_told(limited: ConsoleVisitor) -> None:
    assert "You may not ask this" in ask(
        limited, who="anonymous", action="s3:GetObject", resource="test-bucket/a"
    )


@pytest.fixture(scope="module")
def bert(running: RunningServer) -> None:
    iam = client_for(running, "admin", "iam")
    bounds = [
        {"Sid": "Within", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Sid": "NeverThere", "Effect": "Deny", "Action": "s3:*", "Resource": f"{ARN[:-1]}secret/*"},
    ]
    made = iam.create_policy(PolicyName="bounds", PolicyDocument=policy(*bounds))["Policy"]
    iam.create_user(UserName="bert", PermissionsBoundary=made["Arn"])
    everything = {"Sid": "All", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    iam.put_user_policy(UserName="bert", PolicyName="own", PolicyDocument=policy(everything))


@pytest.mark.usefixtures("bert")
class TestBoundaries:
    """A permissions boundary allows nothing by itself, and nothing gets past it."""

    def test_what_is_within_is_allowed_by_the_user_s_own_policy(self, admin: ConsoleVisitor) -> None:
        page = ask(admin, who="user/bert", action="s3:GetObject", resource=f"{BUCKET}/a")
        assert "<strong>Yes.</strong>" in page and "All" in marked(page)

    def test_what_is_not_within_is_said_with_where_to_add_it(self, admin: ConsoleVisitor) -> None:
        page = ask(admin, who="user/bert", action="s3:PutObject", resource=f"{BUCKET}/a")
        assert "<strong>No.</strong>" in page and "their permissions boundary “bounds” does not" in page
        assert re.search(r'href="/ui/[^"]*bounds">Change it<', page)
        assert marked(page) == ""

    def test_a_deny_of_the_boundary_is_marked(self, admin: ConsoleVisitor) -> None:
        page = ask(admin, who="user/bert", action="s3:GetObject", resource=f"{BUCKET}/secret/a")
        assert "<strong>No.</strong>" in page and "NeverThere" in marked(page)


def test_where_acls_count_the_answer_says_that_it_leaves_them_out(
    admin: ConsoleVisitor, running: RunningServer
) -> None:
    page = ask(admin, who="anonymous", action="s3:GetObject", resource=f"{BUCKET}/a")
    assert "ACLs count" not in page
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket="console-why-acls", ObjectOwnership="ObjectWriter")
    page = ask(admin, who="anonymous", action="s3:GetObject", resource="console-why-acls/a")
    assert "<strong>No.</strong>" in page and "ACLs count in this bucket" in page
    assert 'href="/ui/buckets/console-why-acls/acl?key=a"' in page
