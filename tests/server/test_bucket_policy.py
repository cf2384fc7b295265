"""Policies of buckets: what AWS refuses with MalformedPolicy, and whom a statement is about."""

from __future__ import annotations

import json

import pytest

from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.authority.callers import ANONYMOUS, Caller
from s3portal.server.authority.policy import PolicyError
from s3portal.server.authority.principals import Named
from s3portal.server.bucket_settings.canonical_users import canonical_id

MINE, OTHERS = "000000000000", "111122223333"
ANNA = Caller("anna", f"arn:aws:iam::{MINE}:user/anna", "AKIA", MINE, ())
STRANGER = Caller("x", f"arn:aws:iam::{OTHERS}:user/x", "AKIX", OTHERS, ())
SESSION = Caller("r/sess", f"arn:aws:sts::{MINE}:assumed-role/r/sess", "AROA:s", MINE, (), role="r")
ROLE_ARN = f"arn:aws:iam::{MINE}:role/r"


def statement(**elements):
    return {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*",
    } | elements


def read(*statements, **top):
    return read_bucket_policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | top), "b")


@pytest.mark.parametrize(
    ("elements", "says"),
    [
        ({"Principal": "anna"}, "Invalid principal in policy"),
        ({"Principal": {}}, "Invalid principal in policy"),
        ({"Principal": {"AWS": "anna"}}, "Invalid principal in policy: 'anna'"),
        ({"Principal": {"AWS": "arn:aws:iam::000000000000:user/*"}}, "Invalid principal"),
        ({"Principal": {"AWS": "arn:aws:iam::0000:root"}}, "Invalid principal"),
        ({"Principal": {"AWS": []}}, "AWS must be"),
        ({"Principal": {"CanonicalUser": "anna"}}, "Invalid principal"),
        ({"Principal": {"Federated": "cognito-identity.amazonaws.com"}}, "Federated"),
        ({"Principal": {"Service": "anna"}}, "Invalid principal"),
        ({"NotPrincipal": "*"}, "either Principal or NotPrincipal"),
        ({"Sid": 1}, "Sid"),
        ({"Resource": "*/x"}, "ARN"),
        ({"Resource": "arn:aws:s3:::other/*"}, "Policy has invalid resource"),
        ({"Resource": ["arn:aws:s3:::b/*", "arn:aws:s3:::bb"]}, "arn:aws:s3:::bb"),
        ({"Resource": "arn:aws:sqs:::b"}, "Policy has invalid resource"),
        ({"Action": "s3:GetObjekt"}, "Policy has invalid action"),
        ({"Action": "sqs:SendMessage"}, "Policy has invalid action"),
        ({"Action": "s3:ListBucket"}, "Action does not apply to any resource"),
        ({"Resource": "arn:aws:s3:::b"}, "Action does not apply to any resource"),
        ({"Condition": {"StringEquals": {"s3:prefix": "a"}}}, "Conditions do not apply"),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "a"}}}, "aws:SourceVpc"),
    ],
)
def test_what_aws_refuses_is_refused_with_its_statement(elements, says):
    with pytest.raises(PolicyError, match=r"^statement 2: ") as refused:
        read(statement(), statement(**elements))
    assert says in str(refused.value)


def test_not_principal_lets_nobody_in():
    letting = statement(NotPrincipal={"AWS": MINE})
    del letting["Principal"]
    with pytest.raises(PolicyError, match="NotPrincipal must be used with Deny"):
        read(letting)


def test_a_name_is_given_to_one_statement():
    with pytest.raises(PolicyError, match="'Same'"):
        read(statement(Sid="Same"), statement(Sid="Same"))


@pytest.mark.parametrize(
    "elements",
    [
        {"Action": "*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]},
        {"Action": "s3:List*", "Resource": "arn:aws:s3:::b"},
        {"Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]},
        {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::*"},
        {"Resource": "*"},
        {"Resource": "arn:aws:s3:::b/home/${aws:username}/*"},
        {"Sid": " a name with spaces"},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": [MINE, f"arn:aws:iam::{OTHERS}:root", ROLE_ARN, SESSION.arn, ANNA.arn]}},
        {"Principal": {"CanonicalUser": canonical_id(OTHERS), "AWS": MINE}},
        {"Principal": {"Service": "cloudfront.amazonaws.com"}},
        {"Condition": {"StringEquals": {"s3:ExistingObjectTag/a": "b"}}},
    ],
)
def test_what_aws_takes_is_taken(elements):
    assert len(read(statement(**elements)).statements) == 1


@pytest.mark.parametrize(
    ("principal", "caller", "named"),
    [
        ("*", ANONYMOUS, Named.EVERYBODY),
        ({"AWS": "*"}, STRANGER, Named.EVERYBODY),
        ({"AWS": MINE}, ANNA, Named.ACCOUNT),
        ({"AWS": f"arn:aws:iam::{MINE}:root"}, SESSION, Named.ACCOUNT),
        ({"AWS": MINE}, STRANGER, Named.NOT_AT_ALL),
        ({"AWS": MINE}, ANONYMOUS, Named.NOT_AT_ALL),
        ({"AWS": ANNA.arn}, ANNA, Named.IDENTITY),
        ({"AWS": [ANNA.arn, "*"]}, ANNA, Named.IDENTITY),
        ({"AWS": ANNA.arn}, SESSION, Named.NOT_AT_ALL),
        ({"AWS": ROLE_ARN}, SESSION, Named.IDENTITY),
        ({"AWS": SESSION.arn}, SESSION, Named.SESSION),
        ({"AWS": SESSION.arn.replace("/sess", "/other")}, SESSION, Named.NOT_AT_ALL),
        ({"CanonicalUser": canonical_id(OTHERS)}, STRANGER, Named.ACCOUNT),
        ({"CanonicalUser": canonical_id(OTHERS)}, ANNA, Named.NOT_AT_ALL),
        ({"Service": "cloudfront.amazonaws.com"}, ANNA, Named.NOT_AT_ALL),
    ],
)
def test_whom_a_statement_is_about(principal, caller, named):
    assert read(statement(Principal=principal)).statements[0].names(caller) is named


@pytest.mark.parametrize(
    ("excepted", "caller", "denied"),
    [
        ([MINE, ANNA.arn], ANNA, False),
        # Its account alone does not save a user, nor does its name without its account.
        ([MINE], ANNA, True),
        ([ANNA.arn], ANNA, True),
        ([MINE, ROLE_ARN, SESSION.arn], SESSION, False),
        ([MINE, ROLE_ARN], SESSION, True),
        ([MINE, ANNA.arn], STRANGER, True),
        ([MINE, ANNA.arn], ANONYMOUS, True),
        (["*"], ANONYMOUS, False),
    ],
)
def test_whom_not_principal_spares(excepted, caller, denied):
    denying = statement(Effect="Deny", NotPrincipal={"AWS": excepted})
    del denying["Principal"]
    found = read(denying).denying(caller, "s3:GetObject", "arn:aws:s3:::b/k", {})
    assert (found is not None) is denied


def test_reading_is_done_once_a_text():
    text = json.dumps({"Statement": [statement()]})
    assert read_bucket_policy(text, "b") is read_bucket_policy(text, "b")
