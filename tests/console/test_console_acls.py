"""ACLs in the console: of buckets, objects and versions, in words; changed; off where the bucket has none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
import requests
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.acl_words import EVERYBODY, LOG_DELIVERY, SIGNED_IN
from s3portal.console.pages.acls import GRANTS_LIMIT
from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer

OTHER = "111122223333"
OWN_ID, OTHER_ID = canonical_id("000000000000"), canonical_id(OTHER)
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}.txt"
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    """With a second account, and a user of it who may do everything there."""
    config = server_config() | {"accounts": [{"id": OTHER, "name": "Hydrology <b>"}]}
    policy = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    hydro = {"name": "hydro", "access_key_id": "hydro-key", "secret_access_key": "hydro-secret"}
    config["users"].append(hydro | {"account": OTHER, "policy": policy})
    return config


@pytest.fixture
def s3(running: RunningServer) -> Any:
    return client_for(running, "admin")


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    """A bucket of its own, where ACLs count and nothing is blocked."""
    name = f"console-acls-{next(_NUMBERS)}"
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=name)
    yield name


def path(bucket: str, **parameters: str) -> str:
    return f"/ui/buckets/{bucket}/acl?{urlencode(parameters)}"


def grants_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"])
        for grant in answer["Grants"]
    ]


OWN = (OWN_ID, "FULL_CONTROL")


class TestOfABucket:
    def test_is_shown_in_words_with_its_owner(self, admin: ConsoleVisitor, bucket: str) -> None:
        page = admin.open(path(bucket)).text
        assert "your account" in page and OWN_ID in page and ">private<" in page
        assert ">everything<br>" in page and "FULL_CONTROL" in page
        assert "This ACL lets nobody in but the accounts below" in page

    def test_a_canned_one_replaces_it_and_what_is_public_has_a_word(
        self, admin: ConsoleVisitor, s3: Any, bucket: str
    ) -> None:
        admin.open(path(bucket))
        page = admin.submit("/acl/canned", canned="public-read-write").text
        assert grants_of(s3.get_bucket_acl(Bucket=bucket)) == [OWN, (EVERYBODY, "READ"), (EVERYBODY, "WRITE")]
        assert "Saved." in page and '<span class="tag warn">public</span>' in page
        assert "Everybody, also without signing in" in page and "list its objects" in page
        assert "This ACL lets everybody in" in page
        admin.submit("/acl/canned", canned="private")
        assert grants_of(s3.get_bucket_acl(Bucket=bucket)) == [OWN]

    @pytest.mark.parametrize(
        ("who", "account", "grantee"),
        [
            ("account", OTHER, OTHER_ID),
            ("account", OTHER_ID, OTHER_ID),
            (EVERYBODY, "", EVERYBODY),
            (SIGNED_IN, "", SIGNED_IN),
            (LOG_DELIVERY, "", LOG_DELIVERY),
        ],
    )
    def test_a_grant_is_added_and_removed_and_the_others_stay(
        self, admin: ConsoleVisitor, s3: Any, bucket: str, who: str, account: str, grantee: str
    ) -> None:
        s3.put_bucket_acl(Bucket=bucket, GrantFullControl=f"id={OWN_ID}", GrantReadACP=f"id={OTHER_ID}")
        before = grants_of(s3.get_bucket_acl(Bucket=bucket))
        admin.open(path(bucket))
        admin.submit("/acl/add", who=who, account=account, permission="WRITE")
        assert set(grants_of(s3.get_bucket_acl(Bucket=bucket))) == {*before, (grantee, "WRITE")}
        assert "<b>" not in admin.text, "names of accounts are words"
        page = admin.submit("/acl/remove", grantee=grantee, permission="WRITE")
        assert "Saved." in page.text
        assert set(grants_of(s3.get_bucket_acl(Bucket=bucket))) == set(before)

    def test_without_any_grant_the_owner_can_still_change_it(
        self, admin: ConsoleVisitor, s3: Any, bucket: str
    ) -> None:
        admin.open(path(bucket))
        page = admin.submit("/acl/remove", grantee=OWN_ID, permission="FULL_CONTROL").text
        assert grants_of(s3.get_bucket_acl(Bucket=bucket)) == []
        assert "Nothing is granted to anybody" in page
        admin.submit("/acl/canned", canned="private")
        assert grants_of(s3.get_bucket_acl(Bucket=bucket)) == [OWN]


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("fields", "field", "sentence"),
        [
            ({"who": "account", "account": ""}, "account", "Enter the 12 digits"),
            ({"who": "account", "account": "123"}, "account", "Enter the 12 digits"),
            ({"who": "account", "account": "x" * 5000}, "account", "Enter the 12 digits"),
            ({"who": "account", "account": "\u0661" * 12}, "account", "Enter the 12 digits"),
            ({"who": "account", "account": "9" * 12}, "account", "No account of this server"),
            ({"who": "account", "account": "a" * 64}, "account", "No account of this server"),
            ({"who": "http://evil.example"}, "who", "Choose one from the list"),
            ({"who": EVERYBODY, "permission": HOSTILE}, "permission", "Choose one from the list"),
            ({"who": "account", "account": "0" * 12, "permission": "FULL_CONTROL"}, "who", "granted already"),
        ],
    )
    def test_is_said_at_the_field_and_what_was_entered_stays(
        self,
        admin: ConsoleVisitor,
        s3: Any,
        bucket: str,
        fields: dict[str, str],
        field: str,
        sentence: str,
    ) -> None:
        admin.open(path(bucket))
        page = admin.submit("/acl/add", **({"permission": "READ"} | fields))
        assert page.status_code == 400
        at_field = page.text.split(f' id="{field}"')[1]
        assert 'aria-invalid="true" aria-describedby="problem' in at_field.partition(">")[0]
        said = at_field.split('role="alert" id="problem">')[1].partition("</p>")[0]
        assert sentence in said and page.text.count('id="problem"') == 1
        assert "<img src=x" not in page.text
        if field == "account":
            assert f'value="{fields["account"]}"' in page.text
        assert grants_of(s3.get_bucket_acl(Bucket=bucket)) == [OWN]

    def test_a_canned_one_that_there_is_not(self, admin: ConsoleVisitor, bucket: str) -> None:
        admin.open(path(bucket))
        page = admin.submit("/acl/canned", canned="bucket-owner-read\r\nx-amz-meta-a: b")
        assert page.status_code == 400 and "Choose one from the list" in page.text

    def test_a_grant_that_went_meanwhile(self, admin: ConsoleVisitor, bucket: str) -> None:
        admin.open(path(bucket))
        page = admin.submit("/acl/remove", grantee=EVERYBODY, permission="READ")
        assert page.status_code == 400 and "no longer exists" in page.text

    def test_one_grant_too_many(
        self, admin: ConsoleVisitor, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert GRANTS_LIMIT == 100
        monkeypatch.setattr("s3portal.console.pages.acls.GRANTS_LIMIT", 1)
        admin.open(path(bucket))
        page = admin.submit("/acl/add", who=EVERYBODY, permission="READ")
        assert page.status_code == 400 and "at most 1 grants" in page.text

    def test_an_address_that_there_is_not(self, admin: ConsoleVisitor, bucket: str) -> None:
        admin.open(path(bucket))
        data = {"csrf_token": admin.token()}
        url = f"{admin.origin}/ui/buckets/{bucket}/acl/nonsense"
        assert admin.http.post(url, data=data, headers={"Origin": admin.origin}).status_code == 404


class TestPublicAccessBlock:
    def test_that_ignores_acls_is_said(self, admin: ConsoleVisitor, s3: Any, bucket: str) -> None:
        s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
        assert "ignores what this ACL grants" not in admin.open(path(bucket)).text
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True, "BlockPublicAcls": False}
        )
        page = admin.open(path(bucket)).text
        assert "The public access block ignores what this ACL grants to everybody" in page
        assert '<span class="tag">ignored</span>' in page and "lets everybody in" not in page

    @pytest.mark.parametrize(
        ("what", "fields"),
        [("canned", {"canned": "authenticated-read"}), ("add", {"who": SIGNED_IN, "permission": "READ"})],
    )
    def test_that_refuses_acls_is_the_reason_and_not_a_missing_permission(
        self, admin: ConsoleVisitor, s3: Any, bucket: str, what: str, fields: dict[str, str]
    ) -> None:
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": False, "BlockPublicAcls": True}
        )
        assert "refuses ACLs that grant something to everybody" in admin.open(path(bucket)).text
        page = admin.submit(f"/acl/{what}", **fields)
        assert page.status_code == 400 and "Change it in the settings, or remove such grants" in page.text
        assert "not allowed to you" not in page.text


class TestOfAnObject:
    def test_and_its_versions_each_have_their_own(
        self, admin: ConsoleVisitor, s3: Any, bucket: str, running: RunningServer
    ) -> None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        first, _second = (
            s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")["VersionId"] for _number in range(2)
        )
        admin.open(path(bucket, key="a/b", version=first))
        assert first in admin.text
        page = admin.submit("/acl/canned", canned="public-read")
        assert unquote(page.url).endswith(f"/acl?key=a/b&version={first}")
        named = {"Bucket": bucket, "Key": "a/b"}
        assert (EVERYBODY, "READ") in grants_of(s3.get_object_acl(**named, VersionId=first))
        assert grants_of(s3.get_object_acl(**named)) == [OWN]
        url = f"{running.endpoint}/{bucket}/a/b"
        assert requests.get(url, timeout=10).status_code == 403
        admin.open(path(bucket, key="a/b"))
        admin.submit("/acl/add", who=EVERYBODY, permission="READ")
        assert requests.get(url, timeout=10).content == b"x"

    def test_log_delivery_and_write_are_for_buckets(
        self, admin: ConsoleVisitor, s3: Any, bucket: str
    ) -> None:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        page = admin.open(path(bucket, key="k")).text
        assert LOG_DELIVERY not in page and 'value="WRITE"' not in page
        refused = admin.submit("/acl/add", who=LOG_DELIVERY, permission="READ")
        assert refused.status_code == 400 and "Choose one from the list" in refused.text
        s3.put_object_acl(Bucket=bucket, Key="k", GrantWrite=f"id={OWN_ID}")
        assert "this counts for buckets alone" in admin.open(path(bucket, key="k")).text

    def test_with_a_hostile_name(self, admin: ConsoleVisitor, s3: Any, bucket: str) -> None:
        s3.put_object(Bucket=bucket, Key=HOSTILE, Body=b"x")
        page = admin.open(path(bucket, key=HOSTILE)).text
        assert "<img src=x" not in page and HOSTILE in unescape(page) and "49.txt" not in page
        admin.submit("/acl/canned", canned="public-read")
        assert (EVERYBODY, "READ") in grants_of(s3.get_object_acl(Bucket=bucket, Key=HOSTILE))
        assert "<img src=x" not in admin.text

    @pytest.mark.parametrize(
        "parameters",
        [{"key": "no-such"}, {"key": "k", "version": "\udcff"}, {"key": "\0"}, {"key": "k" * 7000}],
        ids=str,
    )
    def test_that_is_not_there_is_a_sentence(
        self, admin: ConsoleVisitor, s3: Any, bucket: str, parameters: dict[str, str]
    ) -> None:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        query = urlencode(parameters, errors="surrogateescape")
        page = admin.open(f"/ui/buckets/{bucket}/acl?{query}")
        assert 400 <= page.status_code < 500 and "<h1>" in page.text

    def test_of_another_account_is_named_as_theirs(
        self, admin: ConsoleVisitor, s3: Any, bucket: str, running: RunningServer
    ) -> None:
        s3.put_bucket_acl(Bucket=bucket, GrantWrite=f"id={OTHER_ID}", GrantFullControl=f"id={OWN_ID}")
        theirs = client_for(running, "hydro")
        theirs.put_object(Bucket=bucket, Key="theirs", Body=b"x", ACL="bucket-owner-full-control")
        page = admin.open(path(bucket, key="theirs")).text
        assert "<dd>Hydrology &lt;b&gt;<br>" in page and OTHER_ID in page


class TestWhereAclsAreOff:
    def test_says_so_and_leads_to_the_switch(
        self, admin: ConsoleVisitor, s3: Any, running: RunningServer
    ) -> None:
        s3.put_object(Bucket="test-bucket", Key="k", Body=b"x")
        for page in (path("test-bucket"), path("test-bucket", key="k")):
            shown = admin.open(page).text
            assert "ACLs are off in this bucket" in shown and "<select" not in shown
            assert '"/ui/buckets/test-bucket/settings#ownership"' in shown
        assert 'id="ownership"' in admin.open("/ui/buckets/test-bucket/settings").text

    def test_a_form_of_before_is_refused_in_words(self, admin: ConsoleVisitor, s3: Any, bucket: str) -> None:
        admin.open(path(bucket))
        s3.put_bucket_ownership_controls(
            Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
        page = admin.submit("/acl/canned", canned="public-read")
        assert page.status_code == 400 and "does not allow ACLs" in page.text

    def test_the_pages_lead_there_only_where_they_are_on(
        self, admin: ConsoleVisitor, s3: Any, bucket: str
    ) -> None:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        s3.put_object(Bucket="test-bucket", Key="k", Body=b"x")
        for off, on in (
            ("/ui/buckets/test-bucket/settings", f"/ui/buckets/{bucket}/settings"),
            ("/ui/buckets/test-bucket/object?key=k", f"/ui/buckets/{bucket}/object?key=k"),
        ):
            assert "/acl" not in admin.open(off).text
            assert f'href="/ui/buckets/{bucket}/acl' in admin.open(on).text
        # Without ownership controls, ACLs count too.
        s3.delete_bucket_ownership_controls(Bucket=bucket)
        assert f'href="/ui/buckets/{bucket}/acl' in admin.open(f"/ui/buckets/{bucket}/settings").text


class TestWhoMay:
    def test_a_limited_user_sees_and_changes_what_policies_allow(
        self, limited: ConsoleVisitor, s3: Any, bucket: str
    ) -> None:
        refused = limited.open(path(bucket))
        assert refused.status_code == 403 and "You may not do this" in refused.text
        assert "action=s3:GetBucketAcl" in unescape(refused.text)
        s3.put_bucket_acl(Bucket=bucket, GrantFullControl=f"id={OWN_ID}", GrantReadACP=f"id={OTHER_ID}")
        data = {"csrf_token": _token_of(limited), "canned": "public-read"}
        answer = limited.http.post(
            f"{limited.origin}/ui/buckets/{bucket}/acl/canned", data=data, headers={"Origin": limited.origin}
        )
        assert answer.status_code == 403
        assert EVERYBODY not in str(s3.get_bucket_acl(Bucket=bucket))

    def test_another_account_does_what_the_acl_gives(
        self, console: ConsoleFrontEnd, s3: Any, bucket: str
    ) -> None:
        hydro = ConsoleVisitor(console.url)
        assert hydro.sign_in("hydro-key", "hydro-secret").status_code == 200
        assert hydro.open(path(bucket)).status_code == 403
        s3.put_bucket_acl(Bucket=bucket, GrantFullControl=f"id={OWN_ID}", GrantReadACP=f"id={OTHER_ID}")
        page = hydro.open(path(bucket))
        assert page.status_code == 200 and "your account" in page.text.split("<tbody>")[1]
        refused = hydro.submit("/acl/canned", canned="public-read")
        assert refused.status_code == 400 and "PutBucketAcl is not allowed to you" in refused.text
        s3.put_bucket_acl(
            Bucket=bucket,
            GrantReadACP=f"id={OTHER_ID}",
            GrantWriteACP=f"id={OTHER_ID}",
            GrantRead=f"id={OWN_ID}",
        )
        hydro.open(path(bucket))
        hydro.submit("/acl/add", who="account", account=OTHER, permission="READ")
        assert (OTHER_ID, "READ") in grants_of(s3.get_bucket_acl(Bucket=bucket))

    def test_a_stranger_signs_in_first(self, stranger: ConsoleVisitor, bucket: str) -> None:
        page = stranger.http.get(f"{stranger.origin}{path(bucket)}", allow_redirects=False)
        assert page.status_code == 302 and page.headers["Location"].startswith("/ui/sign-in")

    @pytest.mark.parametrize("forged", [{}, {"csrf_token": "0" * 64}, {"origin": "http://evil.example"}])
    @pytest.mark.parametrize("what", ["add", "remove", "canned"])
    def test_a_change_comes_from_a_page_of_the_console(
        self, admin: ConsoleVisitor, s3: Any, bucket: str, what: str, forged: dict[str, str]
    ) -> None:
        admin.open(path(bucket))
        token = admin.token() if "origin" in forged else forged.get("csrf_token", "")
        wanted = {"canned": "public-read", "who": EVERYBODY, "permission": "FULL_CONTROL", "grantee": OWN_ID}
        answer = admin.http.post(
            f"{admin.origin}/ui/buckets/{bucket}/acl/{what}",
            data={"csrf_token": token, **wanted},
            headers={"Origin": forged.get("origin", admin.origin)},
        )
        assert answer.status_code == 403
        assert grants_of(s3.get_bucket_acl(Bucket=bucket)) == [OWN]


def test_the_list_of_buckets_calls_one_public_whose_acl_is(
    admin: ConsoleVisitor, s3: Any, bucket: str
) -> None:
    def word() -> str:
        row = admin.open("/ui/buckets").text.split(f">{bucket}</a>")[1].split("</tr>")[0]
        return "public" if ">public<" in row else "private" if ">private<" in row else row

    assert word() == "private"
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert word() == "public"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert word() == "private"


def test_the_page_has_nothing_inline(admin: ConsoleVisitor, bucket: str) -> None:
    page = admin.open(path(bucket)).text
    assert " style=" not in page and "<style" not in page and " onclick" not in page
    assert page.count("<script") == page.count('<script type="module" src="')


def _token_of(visitor: ConsoleVisitor) -> str:
    visitor.open("/ui/buckets/new")
    return visitor.token()
