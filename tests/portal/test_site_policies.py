"""The documents that an administrator sets at AWS, filled in for one store."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_cases import MakeCase

from s3portal.portal.doctor import (
    site_documents,
    with_aborting_rule,
    with_portal_rule,
    with_readers_rule,
)
from s3portal.portal.doctor.site_policies import role_behind

ROLE = "arn:aws-cn:iam::123456789012:role/portal/uploads"


def documents(case, principal: str = "") -> dict:
    return {each.name: each.document for each in site_documents(case, principal)}


def test_without_a_role_there_is_none_of_its_documents(make_case: MakeCase) -> None:
    assert list(documents(make_case(s3_role=""))) == ["portal-policy", "cors", "lifecycle"]


def test_everything_is_filled_in(make_case: MakeCase) -> None:
    key = "arn:aws-cn:kms:cn-north-1:123456789012:key/1"
    case = make_case(s3_role=ROLE, s3_prefix="a*b", s3_sse=f"aws:kms:{key}", upload_expires=3 * 24 * 3600)

    found = documents(case, "arn:aws-cn:iam::123456789012:user/ckan")

    bucket, statements = case.store.bucket, found["portal-policy"]["Statement"]
    assert [each["Resource"] for each in statements] == [
        f"arn:aws-cn:s3:::{bucket}/a${{*}}b/*",
        f"arn:aws-cn:s3:::{bucket}",
        key,
        ROLE,
    ]
    assert "sts:AssumeRole" in statements[-1]["Action"]
    [trust] = found["role-trust"]["Statement"]
    assert trust["Principal"] == {"AWS": "arn:aws-cn:iam::123456789012:user/ckan"}
    assert "s3:GetObject" not in found["role-policy"]["Statement"][0]["Action"]
    assert found["cors"]["CORSRules"][0]["AllowedOrigins"] == [case.origin]
    [rule] = found["lifecycle"]["Rules"]
    assert rule["Filter"] == {"Prefix": "a*b/"}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 4}


def test_readers_on_other_sites_have_a_rule_where_the_portal_wants_it(make_case: MakeCase) -> None:
    case = replace(make_case(), other_sites_read=True)

    pages, readers = documents(case)["cors"]["CORSRules"]

    assert pages["AllowedOrigins"] == [case.origin]
    assert (readers["AllowedOrigins"], readers["AllowedMethods"]) == (["*"], ["GET", "HEAD"])


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ("arn:aws:sts::1:assumed-role/ckan/i-0a1b2c", "arn:aws:iam::1:role/ckan"),
        ("arn:aws:iam::1:user/ckan", "arn:aws:iam::1:user/ckan"),
        ("", ""),
    ],
)
def test_a_trust_policy_names_the_role_behind_a_session(principal: str, named: str) -> None:
    assert role_behind(principal) == named


def test_nobody_is_trusted_by_a_wildcard(make_case: MakeCase) -> None:
    [trust] = documents(make_case(s3_role=ROLE))["role-trust"]["Statement"]

    assert trust["Principal"] == {"AWS": "arn:aws-cn:iam::123456789012:user/PORTAL"}


def test_the_rules_on_the_page_for_ckan_are_those_that_are_set() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ckan.md").read_text("utf-8")
    documents = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    rules = [rule for each in documents for rule in each.get("CORSRules", each.get("Rules", [each]))]

    [pages, readers, aborting] = [rule for rule in rules if str(rule.get("ID", "")).startswith("s3portal")]

    assert with_readers_rule(with_portal_rule([], "https://data.example.org")) == [pages, readers]
    assert with_aborting_rule([], "", 8) == [aborting]
