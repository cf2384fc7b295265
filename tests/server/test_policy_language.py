"""The language of policies: variables, operators with their qualifiers, and elements that except."""

from __future__ import annotations

import pytest

from s3portal.server.authority.policy import PolicyError, read_policy

CURRENT = "2012-10-17"
OBJECT = "arn:aws:s3:::b/home/anna/x"
ANNA = {"aws:username": "anna"}


def holds(condition, context, version=CURRENT):
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    return read_policy({"Version": version, "Statement": statement}).allows("s3:GetObject", OBJECT, context)


def allows(statement, action="s3:GetObject", resource=OBJECT, context=None, version=CURRENT):
    read = read_policy({"Version": version, "Statement": {"Effect": "Allow", **statement}})
    return read.allows(action, resource, context or {})


class TestVariables:
    @pytest.mark.parametrize(
        ("resource", "context", "allowed"),
        [
            ("arn:aws:s3:::b/home/${aws:username}/*", ANNA, True),
            ("arn:aws:s3:::b/home/${AWS:UserName}/*", ANNA, True),
            ("arn:aws:s3:::b/home/${ aws:username }/*", ANNA, True),
            ("arn:aws:s3:::b/home/${aws:username}/*", {"aws:username": "bob"}, False),
            # A variable without a value is like no text.
            ("arn:aws:s3:::b/home/${aws:username}/*", {}, False),
            ("arn:aws:s3:::b/home/${aws:username, 'anna'}/*", {}, True),
            ("arn:aws:s3:::b/home/${aws:username, 'anna'}/*", {"aws:username": "bob"}, False),
            ("arn:aws:s3:::b/home/${aws:username, ''}anna/*", {}, True),
            ("arn:aws:s3:::b/home/${aws:PrincipalTag/team}/*", {"aws:principaltag/team": ["anna"]}, True),
            # What has several values has none that could stand there.
            (
                "arn:aws:s3:::b/home/${s3:RequestObjectTagKeys}/*",
                {"s3:requestobjecttagkeys": ["anna", "b"]},
                False,
            ),
            # Values and defaults are texts, not patterns, and are not read again.
            ("arn:aws:s3:::b/home/${aws:username}/*", {"aws:username": "*"}, False),
            ("arn:aws:s3:::b/home/${aws:username, '*'}/*", {}, False),
            (
                "arn:aws:s3:::b/home/${aws:username}/*",
                {"aws:username": "${aws:userid}", "aws:userid": "anna"},
                False,
            ),
        ],
    )
    def test_stand_for_what_the_request_has(self, resource, context, allowed):
        assert allows({"Action": "s3:*", "Resource": resource}, context=context) is allowed

    def test_mean_nothing_in_the_old_version(self):
        statement = {"Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}"}
        assert not allows(statement, resource="arn:aws:s3:::b/anna", context=ANNA, version="2008-10-17")
        assert allows(
            statement, resource="arn:aws:s3:::b/${aws:username}", context=ANNA, version="2008-10-17"
        )

    def test_stand_in_conditions_on_texts_and_arns(self):
        own = {"StringLike": {"s3:prefix": "home/${aws:username}/*"}}
        listing = {"Action": "s3:ListBucket", "Resource": "*", "Condition": own}
        for prefix, allowed in (("home/anna/", True), ("home/bob/", False)):
            context = ANNA | {"s3:prefix": prefix}
            assert allows(listing, "s3:ListBucket", "arn:aws:s3:::b", context) is allowed
        arn = {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::1:user/${aws:username}"}}
        assert holds(arn, ANNA | {"aws:principalarn": "arn:aws:iam::1:user/anna"})
        assert not holds(arn, ANNA | {"aws:principalarn": "arn:aws:iam::1:user/bob"})

    def test_without_a_value_is_like_nothing_so_that_not_equals_holds(self):
        assert holds({"StringNotEquals": {"aws:Referer": "${aws:username}"}}, {"aws:referer": "anna"})
        assert not holds({"StringEquals": {"aws:Referer": "${aws:username}"}}, {"aws:referer": "anna"})

    @pytest.mark.parametrize(
        "variable", ["${}", "${aws:username,'x}", "${aws:username 'x'}", "${ec2:Name}", "${a b}"]
    )
    def test_that_nobody_knows_are_refused(self, variable):
        with pytest.raises(PolicyError, match="statement 1"):
            allows({"Action": "s3:*", "Resource": f"arn:aws:s3:::b/{variable}"})


@pytest.mark.parametrize(
    ("statement", "action", "resource", "allowed"),
    [
        ({"NotAction": "s3:Delete*", "Resource": "*"}, "s3:GetObject", OBJECT, True),
        ({"NotAction": "s3:Delete*", "Resource": "*"}, "s3:DeleteObject", OBJECT, False),
        ({"NotAction": ["s3:Get*", "s3:Put*"], "Resource": "*"}, "s3:PutObject", OBJECT, False),
        ({"Action": "*", "NotResource": "arn:aws:s3:::b/home/*"}, "s3:GetObject", OBJECT, False),
        ({"Action": "*", "NotResource": "arn:aws:s3:::b/home/*"}, "s3:GetObject", "arn:aws:s3:::b/x", True),
        ({"NotAction": "s3:Get*", "NotResource": "arn:aws:s3:::c/*"}, "s3:PutObject", OBJECT, True),
    ],
)
def test_elements_that_except(statement, action, resource, allowed):
    assert allows(statement, action, resource) is allowed


KEY, TAGS, TIME = "aws:Referer", "s3:RequestObjectTagKeys", "aws:CurrentTime"


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "A", "a", True),
        ("StringNotEqualsIgnoreCase", "A", "a", False),
        ("StringLike", "a?c*", "abcd", True),
        ("StringNotLike", "a?c*", "abcd", False),
        ("NumericEquals", 10, "10.0", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", 10, "10", True),
        ("NumericGreaterThan", "9.5", "10", True),
        ("NumericGreaterThanEquals", "-1", "-1", True),
        ("NumericEquals", "10", "ten", False),
        ("DateEquals", "2026-11-26T12:00:00Z", "2026-11-26T13:00:00+01:00", True),
        ("DateNotEquals", "2026-11-26T12:00:00Z", "2026-11-26T12:00:00Z", False),
        ("DateLessThan", "2026-11-27", "2026-11-26T12:00:00Z", True),
        ("DateLessThanEquals", "1795694400", "2026-11-26T12:00:00Z", True),
        ("DateGreaterThan", "2026", "2026-11-26T12:00:00Z", True),
        ("DateGreaterThanEquals", "2026-12", "2026-11-26T12:00:00Z", False),
        ("Bool", "true", "TRUE", True),
        ("Bool", True, "false", False),
        ("Bool", ["true", "false"], "false", True),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("BinaryEquals", "QmluYXJ5", "Binary", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.7", True),
        ("IpAddress", "0.0.0.0/0", "::1", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("ArnEquals", "arn:aws:iam::1:user/*", "arn:aws:iam::1:user/anna", True),
        # A wildcard does not reach over a colon.
        ("ArnLike", "arn:aws:iam::*:user/b*", "arn:aws:iam::1:role:user/b", False),
        ("ArnLike", "arn:*:iam::*:user/an?a", "arn:aws:iam::1:user/anna", True),
        ("ArnLike", "*", "arn:aws:iam::1:user/anna", True),
        ("ArnEquals", "arn:aws:iam::1:user/*", "anna", False),
        ("ArnNotEquals", "arn:aws:iam::1:user/*", "arn:aws:iam::1:user/anna", False),
        ("ArnNotLike", "arn:aws:iam::1:user/*", "arn:aws:iam::2:user/anna", True),
    ],
)
def test_operators_compare(operator, wanted, value, expected):
    assert holds({operator: {KEY: wanted}}, {KEY.lower(): value}) is expected
    assert holds({f"{operator}IfExists": {KEY: wanted}}, {KEY.lower(): value}) is expected
    # Without the key what denies something to be equal holds, and what says IfExists.
    assert holds({operator: {KEY: wanted}}, {}) is ("Not" in operator)
    assert holds({f"{operator}IfExists": {KEY: wanted}}, {}) is True


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAllValues:StringEquals", None, True),
        ("ForAllValues:StringEquals", "", True),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "d"], False),
        ("ForAllValues:StringNotEquals", None, True),
        ("ForAnyValue:StringEquals", ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["c", "d"], False),
        ("ForAnyValue:StringEquals", None, False),
        ("ForAnyValue:StringEquals", "", False),
        ("ForAnyValue:StringNotEquals", ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAnyValue:StringNotEquals", None, False),
        ("ForAnyValue:StringEqualsIfExists", None, True),
        ("ForAnyValue:StringLike", ["c", "b"], True),
    ],
)
def test_several_values_of_a_request(operator, values, expected):
    context = {} if values is None else {TAGS.lower(): values}
    assert holds({operator: {TAGS: ["a", "b"]}}, context) is expected


@pytest.mark.parametrize(
    ("wanted", "context", "expected"),
    [
        ("true", {}, True),
        ("true", {KEY.lower(): "x"}, False),
        (False, {KEY.lower(): "x"}, True),
        (False, {}, False),
    ],
)
def test_null_asks_whether_the_key_is_there(wanted, context, expected):
    assert holds({"Null": {KEY: wanted}}, context) is expected


def test_an_empty_value_is_a_value():
    """``?prefix=`` lists the top, which policies for home folders name by an empty text."""
    assert holds({"StringEquals": {"s3:prefix": ["", "home/"]}}, {"s3:prefix": ""})
    assert not holds({"StringEquals": {"s3:prefix": ["", "home/"]}}, {})


def test_all_operators_and_all_keys_have_to_hold():
    both = {"StringEquals": {KEY: "a", TAGS: "t"}, "Bool": {"aws:SecureTransport": True}}
    context = {KEY.lower(): "a", TAGS.lower(): ["t"], "aws:securetransport": "true"}
    assert holds(both, context)
    for missing in context:
        assert not holds(both, {key: value for key, value in context.items() if key != missing})


def test_strict_reading_refuses_a_name_that_comes_twice():
    statement = {"Sid": "Same", "Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Statement": [statement, statement]}
    read_policy(document)
    with pytest.raises(PolicyError, match="'Same'"):
        read_policy(document, strict=True)
