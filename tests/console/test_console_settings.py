"""A bucket's settings and its policy in the console."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.database import ConsoleDatabase
from s3portal.console.documents import DocumentError, line_of, read_document
from s3portal.console.drafts import KEPT_S, LIMIT_CHARACTERS, draft_of, keep_draft
from s3portal.console.policy_words import sentences_of
from s3portal.server.testing import RunningServer

BUCKET = "console-settings"
HOME = f"/ui/buckets/{BUCKET}"


@pytest.fixture(scope="module")
def s3(running: RunningServer) -> Any:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return s3


class TestSwitches:
    def test_are_saved_and_shown(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(f"{HOME}/settings")
        admin.submit("/settings/block", BlockPublicPolicy="on", RestrictPublicBuckets="on")
        block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
        assert block == {
            "BlockPublicAcls": False,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
        admin.submit("/settings/ownership", ownership="BucketOwnerPreferred")
        admin.submit("/settings/lock", days="30", mode="GOVERNANCE")
        admin.submit("/settings/tags", tags="project=gauges")
        page = admin.open(f"{HOME}/settings").text
        assert (
            'value="BucketOwnerPreferred" checked' in page
            and 'value="30"' in page
            and "project=gauges" in page
        )
        lock = s3.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
        assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}

    @pytest.mark.parametrize("days", ["0", "-1", "x", "36501"])
    def test_that_cannot_be_are_refused_with_a_sentence(
        self, admin: ConsoleVisitor, s3: Any, days: str
    ) -> None:
        admin.open(f"{HOME}/settings")
        page = admin.submit("/settings/lock", days=days)
        assert page.status_code == 400 and "between 1 and 36,500" in page.text

    def test_versions_of_a_bucket_with_locks_stay_on(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(f"{HOME}/settings")
        admin.page = admin.http.post(
            f"{admin.origin}{HOME}/settings/versioning",
            data={"csrf_token": admin.token()},
            headers={"Origin": admin.origin},
        )
        assert admin.page.status_code == 400 and 'role="alert"' in admin.text
        assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"

    def test_are_of_those_who_may(self, limited: ConsoleVisitor, s3: Any) -> None:
        limited.open("/ui/buckets/test-bucket/settings")
        answer = limited.http.post(
            f"{limited.origin}{HOME}/settings/tags",
            data={"csrf_token": limited.token(), "tags": "mine=now"},
            headers={"Origin": limited.origin},
        )
        assert answer.status_code in (400, 403) and "not allowed to you" in answer.text


class TestQuota:
    def test_is_set_by_administrators_and_its_use_shown_to_all(
        self, admin: ConsoleVisitor, limited: ConsoleVisitor, running: RunningServer
    ) -> None:
        client_for(running, "admin").put_object(Bucket="test-bucket", Key="a", Body=b"x" * 1_500_000)
        admin.open("/ui/buckets/test-bucket/settings")
        page = admin.submit("/settings/quota", max_bytes="3", max_objects="10").text
        assert "Used: 1.5 MB in 1 objects" in page and 'max="3000000" value="1500000"' in page
        assert "of 3 MB" in admin.open("/ui/buckets").text
        assert "Used: 1.5 MB" in limited.open("/ui/buckets/test-bucket/settings").text
        refused = limited.submit("/settings/quota", max_bytes="99")
        assert refused.status_code == 400 and "Only administrators" in refused.text
        admin.open("/ui/buckets/test-bucket/settings")
        admin.submit("/settings/quota", max_bytes="", max_objects="")
        assert "of 3 MB" not in admin.open("/ui/buckets").text

    @pytest.mark.parametrize("wrong", ["-1", "x", "1.5"])
    def test_that_cannot_be_is_refused(self, admin: ConsoleVisitor, s3: Any, wrong: str) -> None:
        admin.open(f"{HOME}/settings")
        assert admin.submit("/settings/quota", max_bytes=wrong).status_code == 400


class TestDocuments:
    def test_are_saved_and_removed(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(f"{HOME}/documents/cors")
        assert "This is an example" in admin.text
        assert admin.submit().url.endswith("/documents/cors")
        [rule] = s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
        assert rule["AllowedOrigins"] == ["https://www.example.org"]
        admin.submit(what="remove")
        assert "This is an example" in admin.open(f"{HOME}/documents/cors").text

    def test_a_mistake_is_named_with_its_line_and_nothing_is_lost(
        self, admin: ConsoleVisitor, s3: Any
    ) -> None:
        admin.open(f"{HOME}/documents/lifecycle")
        text = '{\n  "Rules": [\n    {"ID": "mine",}\n  ]\n}'
        page = admin.submit(document=text)
        assert page.status_code == 400 and "Line 3" in page.text and 'data-line="3"' in page.text
        assert "&#34;ID&#34;: &#34;mine&#34;,}" in page.text

    def test_what_the_server_refuses_is_said_in_its_words(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(f"{HOME}/documents/cors")
        rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["FETCH"]}
        page = admin.submit(document=json.dumps({"CORSRules": [rule]}))
        assert page.status_code == 400 and "FETCH" in page.text

    def test_with_fields_that_there_are_not_are_refused(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(f"{HOME}/documents/cors")
        page = admin.submit(document='{"CORSRulez": []}')
        assert page.status_code == 400 and "CORSRulez" in page.text


class TestPolicy:
    @pytest.fixture
    def bucket(self, running: RunningServer) -> str:
        client_for(running, "admin").create_bucket(Bucket="console-policy")
        return "/ui/buckets/console-policy/policy"

    def test_a_preset_is_put_into_the_editor_saved_and_told_in_plain_words(
        self, admin: ConsoleVisitor, running: RunningServer, bucket: str
    ) -> None:
        admin.open(f"{bucket}?preset=public-read")
        page = admin.submit("", what="save").text
        assert "Everybody, also without signing in, may do s3:GetObject on console-policy/*." in page
        assert ">public<" in page
        s3 = client_for(running, "admin")
        assert s3.get_bucket_policy_status(Bucket="console-policy")["PolicyStatus"]["IsPublic"]
        admin.submit("", what="remove")
        assert "This bucket has no policy" in admin.text

    def test_a_mistake_is_shown_with_its_line(self, admin: ConsoleVisitor, bucket: str) -> None:
        admin.open(f"{bucket}?preset=public-read")
        wrong = admin.text.split('data-line="">')[1].split("</textarea>")[0].replace("&#34;", '"')
        page = admin.submit("", policy=wrong.replace("s3:GetObject", "s3:GetObjekt"))
        assert page.status_code == 400
        number = 1 + wrong[: wrong.index("s3:GetObject")].count("\n")
        assert f'data-line="{number}"' in page.text and "s3:GetObjekt" in page.text

    def test_what_was_written_last_comes_back_without_scripts(
        self, admin: ConsoleVisitor, limited: ConsoleVisitor, bucket: str
    ) -> None:
        written = '{"Version": "2012-10-17",\n "Statement": [<mine>]}'
        admin.open(bucket)
        assert admin.submit("", policy=written).status_code == 400
        assert html.escape(written) in admin.open(f"{bucket}?preset=custom").text
        assert html.escape(written) not in admin.open(bucket).text
        # It is theirs, and of this bucket.
        assert "&lt;mine&gt;" not in admin.open("/ui/buckets/test-bucket/policy?preset=custom").text
        assert "&lt;mine&gt;" not in limited.open("/ui/buckets/test-bucket/policy?preset=custom").text

    def test_a_draft_that_is_too_long_or_too_old_is_not_kept(self, tmp_path: Path) -> None:
        database = ConsoleDatabase(tmp_path / "console.sqlite")
        keep_draft(database, "anna", "a", "x" * (LIMIT_CHARACTERS + 1))
        assert draft_of(database, "anna", "a") is None
        for text in ("first", "second"):
            keep_draft(database, "anna", "a", text)
        assert draft_of(database, "anna", "a") == "second" and draft_of(database, "bert", "a") is None
        with database.transaction() as connection:
            connection.execute("UPDATE drafts SET kept_at = kept_at - ?", (KEPT_S,))
        keep_draft(database, "bert", "b", "new")
        assert draft_of(database, "anna", "a") is None


class TestWords:
    def test_of_a_statement_with_everything(self) -> None:
        [sentence] = sentences_of(
            {
                "Statement": {
                    "Effect": "Deny",
                    "Principal": {"AWS": ["arn:aws:iam::000000000000:user/anna", "*"]},
                    "NotAction": "s3:GetObject",
                    "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
                    "Condition": {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "198.51.100.1"]}},
                }
            }
        )
        assert not sentence.allows and not sentence.is_public
        assert sentence.text == (
            "Everybody, also without signing in, may not do everything but s3:GetObject on b, b/*, "
            "if aws:SourceIp ∉ 192.0.2.0/24 or 198.51.100.1."
        )

    def test_of_a_users_own_policy(self) -> None:
        [sentence] = sentences_of({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        assert sentence.text == "The user may do everything on everything."

    def test_names_are_short(self) -> None:
        [sentence] = sentences_of(
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::000000000000:user/anna"},
                        "Action": ["s3:GetObject"],
                        "Resource": "arn:aws:s3:::b/*",
                    }
                ]
            }
        )
        assert sentence.text == "user/anna may do s3:GetObject on b/*."


class TestReadingDocuments:
    @pytest.mark.parametrize("text", ["", "[]", "1", '{"a": }', "{" * 100_000, '{"a": 1e999'])
    def test_what_is_no_document_is_a_sentence(self, text: str) -> None:
        with pytest.raises(DocumentError):
            read_document(text)

    def test_the_line_that_a_refusal_speaks_of(self) -> None:
        text = '{\n "Action": [\n  "s3:GetObjekt"\n ]\n}'
        assert line_of(text, "Unknown action s3:GetObjekt.") == 3
        assert line_of(text, "Nothing of it") is None
