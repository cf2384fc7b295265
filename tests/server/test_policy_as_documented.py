"""Any policy over any request: the server's answer is that of a plain reading of the documentation."""

from __future__ import annotations

import json
from contextlib import suppress

import plain_policy
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.authority.policy import PolicyError, read_policy

EXAMPLES = examples(150)
words = st.text("ab*?/:", max_size=5)
VARIABLES = ["${aws:username}", "${aws:username, 'a'}", "${*}", "${$}", "${?}", "${s3:RequestObjectTagKeys}"]
templates = st.lists(words | st.sampled_from(VARIABLES), max_size=3).map("".join)
arns = st.tuples(*[st.text("ab*?", max_size=2)] * 4, templates).map(lambda parts: "arn:" + ":".join(parts))
numbers = st.sampled_from(["-1", "0", "1", "1.0", "1.5", "10"])
moments = st.sampled_from(
    ["2026-11-26T12:00:00Z", "2026-11-26T12:00:01Z", "2025-01-01T00:00:00Z", "1795694400", "1.5", "-1"]
)
networks = st.sampled_from(["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32"])
ORDERS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
KINDS = {
    **{f"String{kind}": templates for n in ("", "Not") for kind in
       (f"{n}Equals", f"{n}EqualsIgnoreCase", f"{n}Like")},
    **{f"Arn{n}{kind}": arns for n in ("", "Not") for kind in ("Equals", "Like")},
    **{f"Numeric{order}": numbers for order in ORDERS},
    **{f"Date{order}": moments for order in ORDERS},
    "IpAddress": networks,
    "NotIpAddress": networks,
    "Bool": st.sampled_from(["true", "false", "True"]),
}  # fmt: skip
KEYS = ("aws:username", "aws:Referer", "s3:RequestObjectTagKeys")
some = st.integers(1, 3)


def one_or_several(values):
    return values | st.lists(values, min_size=1, max_size=3)


@st.composite
def conditions(draw):
    found = {}
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.integers(0, 9)) == 0:
            name, values = "Null", st.sampled_from(["true", "false"])
        else:
            operator = draw(st.sampled_from(sorted(KINDS)))
            qualifier = draw(st.sampled_from(["", "ForAnyValue:", "ForAllValues:"]))
            name = qualifier + operator + draw(st.sampled_from(["", "IfExists"]))
            values = KINDS[operator]
        found[name] = {draw(st.sampled_from(KEYS)): draw(one_or_several(values))}
    return found


@st.composite
def statements(draw):
    actions = st.sampled_from(["*", "s3:*", "s3:Get*", "S3:getobject", "s3:PutObject", "s3:?etObject"])
    resources = st.just("*") | templates.map(lambda text: f"arn:aws:s3:::{text}")
    return {
        "Effect": draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(one_or_several(actions)),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(one_or_several(resources)),
        "Condition": draw(conditions()),
    }


policies = st.fixed_dictionaries(
    {
        "Version": st.sampled_from(["2012-10-17", "2008-10-17"]),
        "Statement": st.lists(statements(), min_size=1, max_size=3),
    }
)
values = st.one_of(words, arns, numbers, moments, st.sampled_from(["10.0.0.1", "2001:db8::1", "true", ""]))
contexts = st.fixed_dictionaries(
    {},
    optional={
        "aws:username": words,
        "aws:referer": values,
        "s3:requestobjecttagkeys": st.lists(values, min_size=1, max_size=3),
    },
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(policies, st.sampled_from(["s3:GetObject", "s3:PutObject"]), words, contexts)
def test_the_answer_is_that_of_the_plain_reading(document, action, name, context):
    resource = f"arn:aws:s3:::{name}"
    policy = read_policy(document)
    denied = policy.first(action, resource, context, allow=False)
    allowed = policy.first(action, resource, context, allow=True)
    answer = "Deny" if denied else "Allow" if allowed else None
    assert answer == plain_policy.verdict(document, action, resource, context)


NAMES = ["Version", "Id", "Statement", "Sid", "Effect", "Action", "Resource", "Principal", "NotPrincipal",
         "NotAction", "Condition", "AWS", "StringLike", "Bool", "Null", "s3:prefix", "aws:SourceIp",
         "IpAddress", "NumericEquals", "DateLessThan", "ArnLike", "BinaryEquals"]  # fmt: skip
TEXTS = [
    *NAMES,
    "Allow",
    "Deny",
    "2012-10-17",
    "*",
    "s3:*",
    "arn:aws:s3:::b/*",
    "${aws:username}",
    "${",
    "true",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=15,
)
nearly = st.fixed_dictionaries(
    {"Effect": st.just("Allow"), "Action": st.just("s3:*"), "Resource": st.just("*")},
    optional={"Principal": anything, "Condition": anything, "Sid": anything, "NotAction": anything},
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(anything | st.fixed_dictionaries({"Statement": nearly | st.lists(nearly, max_size=2)}))
def test_any_json_is_read_or_refused(document):
    with suppress(PolicyError):
        read_policy(document, strict=True)
    with suppress(PolicyError):
        read_bucket_policy(json.dumps(document), "b")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=40) | st.text('{}[]":,0a\\', max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(PolicyError):
        read_policy(text)
    with suppress(PolicyError):
        read_bucket_policy(text, "b")
