"""The doctor and a Ceph RGW 16: what it finds wrong there is wrong, and the rest is well."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from foreign_store import foreign_store

from s3portal.buckets.fixes import with_fixes
from s3portal.portal.doctor import Case, examine_store
from s3portal.portal.findings import Finding
from s3portal.transfer import TransferSettings, open_store

# The browser's tests here leave a portal of another origin in the bucket's rules.
SITE_URL = "http://127.0.0.1:4999"


@pytest.fixture(autouse=True)
def bucket_without_rules() -> Iterator[None]:
    """The bucket as somebody made it who does not know what a portal needs."""
    store = foreign_store()
    for remove in (store.client().delete_bucket_cors, store.client().delete_bucket_lifecycle):
        try:
            remove(Bucket=store.bucket)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    yield
    uploads = store.client().list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])
    objects = store.client().list_objects_v2(Bucket=store.bucket).get("Contents", [])
    assert not [each["Key"] for each in [*uploads, *objects] if "/doctor/" in each["Key"]]


def examine(*, apply: bool = False, **settings: Any) -> dict[str, Finding]:
    """What the doctor found, by subject."""
    fields = {
        "s3_bucket": os.environ["S3PORTAL_TEST_BUCKET"],
        "s3_endpoint": os.environ["S3PORTAL_TEST_ENDPOINT"],
        "s3_access_key_id": os.environ["S3PORTAL_TEST_ACCESS_KEY_ID"],
        "s3_secret_access_key": os.environ["S3PORTAL_TEST_SECRET_ACCESS_KEY"],
        "s3_prefix": "s3portal-tests",
        **settings,
    }
    case = Case(
        place="store",
        store=open_store(TransferSettings(**fields)),
        site_url=SITE_URL,
        host="data.example.org",
        command="portal doctor",
        setting=lambda name: name,
        keys_may_meet=True,
    )
    return {finding.subject: finding for finding in examine_store(with_fixes(case), apply=apply)}


def test_rules_are_added_and_all_but_a_known_weakness_is_well() -> None:
    before = examine()
    assert (before["CORS"].state, before["lifecycle"].state) == ("wrong", "look")

    found = examine(apply=True)

    assert found["CORS"].text.startswith("applied: ")
    assert {finding.subject for finding in found.values() if finding.state != "ok"} == {"overwriting"}
    assert "CompleteMultipartUpload" in found["overwriting"].text
    assert "PutObject" not in found["overwriting"].text
    assert "by MD5" in found["checksum"].text
    assert "applied" not in examine(apply=True)["CORS"].text


def test_the_role_is_refused_since_altered_tokens_open_it() -> None:
    role = os.environ["S3PORTAL_TEST_ROLE"]

    found = examine(apply=True, s3_role=role, upload_mode="sts")

    assert found[role].state == "wrong"
    assert "of 64 session tokens with one altered letter opened another dataset's keys" in found[role].text


def test_a_role_that_is_not_there_and_keys_that_are_wrong_are_told() -> None:
    role = "arn:aws:iam:::role/no-such-role"

    assert f"there is no role {role}" in examine(s3_role=role)[role].text
    assert "check s3_access_key_id" in examine(s3_secret_access_key="wrong")["upload"].mend


def test_temporary_keys_stop_browsers() -> None:
    store = foreign_store()
    role = os.environ["S3PORTAL_TEST_ROLE"]
    issued = store.sts_client().assume_role(RoleArn=role, RoleSessionName="portal")["Credentials"]
    assert examine(apply=True)["CORS"].state == "ok"

    found = examine(
        s3_access_key_id=issued["AccessKeyId"],
        s3_secret_access_key=issued["SecretAccessKey"],
        s3_session_token=issued["SessionToken"],
    )

    assert found["CORS"].state == "wrong"
    assert "checks the signature of a preflight" in found["CORS"].text
