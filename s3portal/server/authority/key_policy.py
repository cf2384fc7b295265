"""The policy of a key, and the decision on what a caller may do with the key.

Pure. Sources: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html and
https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from s3portal.server.authority.bucket_policy import BucketPolicy, BucketStatement, read_whom
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.decision import Answer, Decision, decide, is_kept_from
from s3portal.server.authority.policy import read_each, read_statement, statements_of
from s3portal.server.authority.policy_patterns import Context, PolicyError
from s3portal.server.authority.principals import Named


@lru_cache(maxsize=1024)
def read_key_policy(text: str, key_arn: str) -> BucketPolicy:
    """Returns the policy of a key. Raises PolicyError, with the number of the statement."""
    statements, version = statements_of(text)
    return BucketPolicy(read_each(statements, version, _read), f"the policy of key {key_arn}")


def _read(document: Any, number: int, /, *, variables: bool) -> BucketStatement:
    principals, excepted, rest = read_whom(document)
    return BucketStatement(read_statement(rest, number, variables=variables), principals, excepted)


def decide_on_key(
    caller: Caller, action: str, key_arn: str, owner: str, policy_text: str, context: Context
) -> Decision:
    """Returns whether a caller may do ``action`` with the key of account ``owner``.

    Unlike a bucket, a key is not its account's to use by the account's policies alone: its own policy has to
    name the caller, or the account, which leaves it to the account's policies.
    """
    own = decide(caller, action, key_arn, context, None)
    try:
        policy = read_key_policy(policy_text, key_arn)
    except PolicyError as problem:
        name = f"the policy of key {key_arn}, which cannot be read ({problem})"
        return Decision(Answer.DENIED, action, key_arn, name)
    if own.answer is Answer.DENIED:
        return own
    denying = policy.denying(caller, action, key_arn, context)
    if denying is not None:
        return Decision(Answer.DENIED, action, key_arn, policy.name, denying)
    given = policy.allowing(caller, action, key_arn, context)
    if given is None:
        return Decision(Answer.NOT_MENTIONED, action, key_arn, policy.name)
    named, statement = given
    is_given = caller.account_id == owner and named > Named.ACCOUNT
    if is_given and not is_kept_from(caller, named, action, key_arn, context):
        return Decision(Answer.ALLOWED, action, key_arn, policy.name, statement)
    return own
