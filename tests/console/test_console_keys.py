"""KMS keys in the console."""

from __future__ import annotations

import secrets
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.server.testing import RunningServer


@pytest.fixture
def alias() -> str:
    # The server is shared by the tests, and no two keys have the same alias.
    return f"rivers-{secrets.token_hex(4)}"


@pytest.fixture
def key_id(admin: ConsoleVisitor, alias: str) -> str:
    admin.open("/ui/keys")
    return unquote(admin.submit("", alias=alias, description="for rivers").url.split("id=")[1])


def test_a_key_is_made_and_listed_with_its_alias(admin: ConsoleVisitor, key_id: str, alias: str) -> None:
    assert "for rivers" in admin.text and f"alias/{alias}" in admin.text
    page = admin.open("/ui/keys").text
    assert key_id in page and f"alias/{alias}" in page


def test_a_disabled_key_opens_nothing_until_it_is_enabled(
    admin: ConsoleVisitor, running: RunningServer, key_id: str
) -> None:
    s3 = client_for(running, "admin")
    s3.put_object(
        Bucket="test-bucket", Key="locked", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key_id
    )
    admin.submit(f"/disable?id={key_id}")
    assert ">disabled" in admin.text
    with pytest.raises(ClientError):
        s3.get_object(Bucket="test-bucket", Key="locked")
    admin.submit(f"/enable?id={key_id}")
    assert s3.get_object(Bucket="test-bucket", Key="locked")["Body"].read() == b"x"


def test_a_key_is_rotated_and_what_was_encrypted_before_stays_readable(
    admin: ConsoleVisitor, running: RunningServer, key_id: str
) -> None:
    s3 = client_for(running, "admin")
    s3.put_object(
        Bucket="test-bucket", Key="old", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key_id
    )
    assert admin.submit(f"/rotate?id={key_id}").status_code == 200
    admin.submit(f"/rotation-on?id={key_id}")
    assert "<dd>yes</dd>" in admin.text
    assert s3.get_object(Bucket="test-bucket", Key="old")["Body"].read() == b"x"


def test_only_the_typed_id_deletes_and_it_can_be_taken_back(admin: ConsoleVisitor, key_id: str) -> None:
    assert admin.submit(f"/schedule?id={key_id}", typed="other").status_code == 400
    admin.submit(f"/schedule?id={key_id}", typed=key_id, days="7")
    assert "to be deleted" in admin.text
    admin.submit(f"/cancel?id={key_id}")
    assert ">disabled" in admin.text


@pytest.mark.parametrize("days", ["6", "31", "x"])
def test_a_waiting_period_that_cannot_be_is_refused(admin: ConsoleVisitor, key_id: str, days: str) -> None:
    page = admin.submit(f"/schedule?id={key_id}", typed=key_id, days=days)
    assert page.status_code == 400 and 'role="alert"' in page.text


def test_a_limited_user_gets_no_further(limited: ConsoleVisitor, key_id: str) -> None:
    assert limited.open("/ui/keys").status_code in (400, 403)
    assert limited.open(f"/ui/keys/one?id={key_id}").status_code in (400, 403)
