"""Session credentials: what STS is asked for, and who they are issued to."""

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer import (
    CredentialsNotConfigured,
    Store,
    StoreFailed,
    assume_upload_role,
    open_store,
    role_session_name,
)

if TYPE_CHECKING:
    from scripted_store import ScriptedStore

ISSUED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAISSUED</AccessKeyId><SecretAccessKey>hush</SecretAccessKey><SessionToken>t0ken</SessionToken>
<Expiration>2026-11-21T11:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


def asked(scripted: "ScriptedStore") -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(scripted.bodies[-1].decode()).items()}


def test_the_role_is_assumed_for_one_key_and_an_hour(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer(ISSUED)

    credentials = assume_upload_role(scripted_store, "anna", "data.example.org", key="lab/rivers/u1/a*.csv")

    question = asked(scripted)
    assert question["Action"] == "AssumeRole"
    assert question["RoleArn"] == "arn:aws:iam::123456789012:role/uploads"
    assert question["RoleSessionName"] == "anna@data.example.org"
    assert question["DurationSeconds"] == "3600"
    (statement,) = json.loads(question["Policy"])["Statement"]
    assert statement["Resource"] == "arn:aws:s3:::river-data/lab/rivers/u1/a${*}.csv"
    assert credentials.as_dict() == {
        "access_key_id": "ASIAISSUED",
        "secret_access_key": "hush",
        "session_token": "t0ken",
        "expiration": "2026-11-21T11:00:00+00:00",
        "endpoint": scripted.endpoint,
        "region": "us-east-1",
        "bucket": "river-data",
        "key": "lab/rivers/u1/a*.csv",
    }
    assert credentials.expiration == datetime(2026, 11, 21, 11, tzinfo=timezone.utc)


def test_or_for_one_dataset(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer(ISSUED)

    credentials = assume_upload_role(scripted_store, "anna", "site", prefix="lab/rivers/")

    (statement,) = json.loads(asked(scripted)["Policy"])["Statement"]
    assert statement["Resource"] == "arn:aws:s3:::river-data/lab/rivers/*"
    assert credentials.as_dict()["prefix"] == "lab/rivers/"
    assert "key" not in credentials.as_dict()


def test_secrets_are_not_in_the_repr(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer(ISSUED)

    shown = repr(assume_upload_role(scripted_store, "anna", "site", key="k"))

    assert "hush" not in shown
    assert "t0ken" not in shown


def test_without_a_role_there_are_none(scripted: "ScriptedStore", scripted_store: Store) -> None:
    without_role = open_store(replace(scripted_store.settings, s3_role=""))

    with pytest.raises(CredentialsNotConfigured, match="s3_role"):
        assume_upload_role(without_role, "anna", "site", key="k")

    assert scripted.requests == []


@pytest.mark.parametrize("scope", [{}, {"key": "k", "prefix": "p/"}, {"prefix": ""}])
def test_no_one_gets_the_whole_bucket(
    scope: dict[str, str], scripted: "ScriptedStore", scripted_store: Store
) -> None:
    with pytest.raises(ValueError, match=r"key|bucket"):
        assume_upload_role(scripted_store, "anna", "site", **scope)

    assert scripted.requests == []


def test_what_sts_refuses_is_the_stores_failure(scripted: "ScriptedStore", scripted_store: Store) -> None:
    scripted.answer("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", status=403)

    with pytest.raises(StoreFailed):
        assume_upload_role(scripted_store, "anna", "site", key="k")


def test_an_answer_without_credentials_is_the_stores_failure(
    scripted: "ScriptedStore", scripted_store: Store
) -> None:
    scripted.answer("<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>")

    with pytest.raises(StoreFailed):
        assume_upload_role(scripted_store, "anna", "site", key="k")


@pytest.mark.parametrize(
    ("user", "site", "name"),
    [
        ("anna", "data.example.org", "anna@data.example.org"),
        ("anna b/c", "data.example.org:5000", "anna-b-c@data.example.org-5000"),
        ("Ånna", "site", "-nna@site"),
        ("", "", "user@portal"),
        ("a" * 100, "site", "a" * 59 + "@site"),
        ("anna", "s" * 100, "anna@" + "s" * 59),
        ("a" * 100, "s" * 100, "a" * 32 + "@" + "s" * 31),
    ],
)
def test_the_session_is_named_after_the_user_and_the_site(user: str, site: str, name: str) -> None:
    assert role_session_name(user, site) == name


@given(st.text(max_size=120), st.text(max_size=120))
def test_every_name_is_one_that_sts_takes(user: str, site: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", role_session_name(user, site))
