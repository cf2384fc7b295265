"""IAM policies: what is allowed, what is denied, and what is refused because it cannot be enforced."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.server.authority.policy import PolicyError, read_policy
from s3portal.server.authority.policy_patterns import pattern as pattern_test


def statement(effect="Allow", action="s3:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements):
    return read_policy({"Version": "2012-10-17", "Statement": list(statements)})


def allows(read, action="s3:GetObject", resource="arn:aws:s3:::b/k", **context):
    return read.allows(action, resource, {name.replace("_", ":"): value for name, value in context.items()})


def test_nothing_is_allowed_unless_a_statement_says_so():
    only = policy(statement(action="s3:PutObject", resource="arn:aws:s3:::b/k"))
    assert allows(only, "s3:PutObject")
    assert not allows(only, "s3:GetObject")
    assert not allows(only, "s3:PutObject", "arn:aws:s3:::b/k2")
    assert not allows(only, "s3:PutObject", "arn:aws:s3:::b")


def test_a_deny_wins_over_every_allow_in_any_order():
    deny = statement("Deny", "s3:GetObject", "arn:aws:s3:::b/secret/*")
    for read in (policy(statement(), deny), policy(deny, statement())):
        assert allows(read)
        assert not allows(read, resource="arn:aws:s3:::b/secret/k")


def test_actions_ignore_case_and_resources_do_not():
    read = policy(statement(action="S3:getobject", resource="arn:aws:s3:::b/K"))
    assert allows(read, resource="arn:aws:s3:::b/K")
    assert not allows(read, resource="arn:aws:s3:::b/k")


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a/*", "a/b/c", True),
        ("a/*", "a/", True),
        ("a/*", "a", False),
        ("a/?", "a/b", True),
        ("a/?", "a/bc", False),
        ("a*b*c", "a--b--b--c", True),
        ("a*b*c", "a--c--b", False),
        ("*", "", True),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("a${*}b", "a*b", True),
        ("a${*}b", "axb", False),
        ("a${?}${$}", "a?$", True),
        ("a.b", "axb", False),
        ("a\n*", "a\nb\nc", True),
        ("ab*ba", "aba", False),
        ("*a*a*", "a", False),
    ],
)
def test_wildcards_and_their_escapes(pattern, key, matches):
    assert (
        allows(policy(statement(resource="arn:aws:s3:::b/" + pattern)), resource="arn:aws:s3:::b/" + key)
        is matches
    )


texts = st.text("ab*?.", max_size=8)


@given(texts, st.text("ab.", max_size=10))
def test_patterns_agree_with_the_obvious_definition(pattern, value):
    obvious = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    assert pattern_test(pattern, escapes=True)(value) == bool(re.fullmatch(obvious, value, re.DOTALL))


def test_a_malicious_pattern_costs_nothing():
    read = policy(statement(resource="arn:aws:s3:::b/" + "*a" * 500))
    started = time.process_time()
    assert not allows(read, resource="arn:aws:s3:::b/" + "a" * 400 + "b" * 600)
    assert time.process_time() - started < 1


def test_conditions_on_the_prefix():
    read = policy(statement(action="s3:ListBucket", Condition={"StringLike": {"s3:prefix": ["a/*", "b"]}}))
    assert allows(read, "s3:ListBucket", s3_prefix="a/x")
    assert allows(read, "s3:ListBucket", s3_prefix="b")
    assert not allows(read, "s3:ListBucket", s3_prefix="c")
    assert not allows(read, "s3:ListBucket")


def test_string_equals_has_no_wildcards_and_negation_is_met_by_a_missing_key():
    equals = policy(statement(Condition={"StringEquals": {"s3:prefix": "a*"}}))
    assert allows(equals, s3_prefix="a*")
    assert not allows(equals, s3_prefix="ab")
    unlike = policy(statement(Condition={"StringNotLike": {"s3:prefix": "a*"}}))
    assert allows(unlike)
    assert not allows(unlike, s3_prefix="ab")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("not json", "JSON"),
        ([], "object"),
        ({}, "Statement"),
        ({"Statement": []}, "Statement"),
        ({"Version": "2020-01-01", "Statement": statement()}, "Version"),
        ({"Statement": statement(), "Extra": 1}, "Extra"),
        ({"Statement": statement("Maybe")}, "Effect"),
        ({"Statement": {"Effect": "Allow", "Resource": "*"}}, "Action"),
        ({"Statement": {"Effect": "Allow", "Action": "s3:*"}}, "Resource"),
        ({"Statement": statement(NotAction="s3:*")}, "either Action or NotAction"),
        ({"Statement": statement(NotResource="*")}, "either Resource or NotResource"),
        ({"Statement": statement(Principal="*")}, "Principal"),
        ({"Statement": statement(NotPrincipal="*")}, "NotPrincipal"),
        ({"Statement": [statement(), statement("Maybe")]}, "statement 2: Effect"),
        ({"Statement": statement(Sid=["a"])}, "Sid"),
        ({"Id": 1, "Statement": statement()}, "Id"),
        ({"Statement": statement(action="GetObject")}, "GetObject"),
        ({"Statement": statement(resource="bucket/*")}, "ARN"),
        ({"Statement": statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}})}, "10.0.0.0/99"),
        ({"Statement": statement(Condition={"StringLike": {"aws:SourceVpce": "x"}})}, "aws:SourceVpce"),
        ({"Statement": statement(Condition={"StringLike": {"aws:PrincipalTag/": "x"}})}, "aws:PrincipalTag/"),
        ({"Statement": statement(Condition={"StringLook": {"aws:Referer": "x"}})}, "StringLook"),
        ({"Statement": statement(Condition={"ForAnyValue:Null": {"aws:Referer": "true"}})}, "ForAnyValue"),
        ({"Statement": statement(Condition={"NullIfExists": {"aws:Referer": "true"}})}, "NullIfExists"),
        ({"Statement": statement(Condition={"NumericEquals": {"s3:max-keys": "ten"}})}, "'ten'"),
        ({"Statement": statement(Condition={"DateLessThan": {"aws:CurrentTime": "soon"}})}, "'soon'"),
        ({"Statement": statement(Condition={"BinaryEquals": {"aws:Referer": "%"}})}, "Base64"),
        ({"Statement": statement(Condition={"ArnLike": {"aws:PrincipalArn": "me"}})}, "ARN"),
        ({"Statement": statement(Condition={"Bool": {"aws:SecureTransport": "yes"}})}, "true or false"),
        ({"Statement": statement(Condition={"StringEquals": {"aws:Referer": []}})}, "no value"),
        ({"Statement": statement(Condition={"StringLike": {"s3:prefix": 1}})}, "s3:prefix"),
        (
            {"Version": "2012-10-17", "Statement": statement(resource="arn:aws:s3:::b/${aws:SourceVpc}/*")},
            "aws:SourceVpc",
        ),
    ],
)
def test_what_cannot_be_enforced_is_refused_and_named(document, says):
    with pytest.raises(PolicyError, match=says):
        read_policy(document)


def test_without_a_version_dollar_and_braces_mean_themselves():
    read = read_policy({"Statement": statement(resource="arn:aws:s3:::b/${*}")})
    assert allows(read, resource="arn:aws:s3:::b/${anything}")
    assert not allows(read, resource="arn:aws:s3:::b/*")
