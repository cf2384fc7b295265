"""The policy of a role that says whom the role trusts: who may begin a session of it, and how.

Pure. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_update-role-trust-policy.html
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from s3portal.server.authority.bucket_policy import BucketStatement, read_whom
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.decision import Answer, Decision, decide
from s3portal.server.authority.policy import (
    Statement,
    one_of,
    read_each,
    read_statement,
    refuse_repeated_sids,
    statements_of,
)
from s3portal.server.authority.policy_patterns import Context, PolicyError, strings_of
from s3portal.server.authority.principals import Named

_SERVICE = "sts:"


@dataclass(frozen=True)
class TrustPolicy:
    """``name`` is what people are told of it."""

    statements: tuple[BucketStatement, ...]
    name: str

    def about(
        self, caller: Caller, action: str, resource: str, context: Context, *, allow: bool
    ) -> tuple[Named, Statement] | None:
        """Returns the statement that allows this, or denies it, and names the caller most closely."""
        best: tuple[Named, Statement] | None = None
        for found in self.statements:
            named = found.names(caller) if found.statement.allow is allow else Named.NOT_AT_ALL
            closer = named > (best[0] if best else Named.NOT_AT_ALL)
            if closer and found.statement.applies(action, resource, context):
                best = named, found.statement
        return best

    def decide_on_provider(self, provider_arn: str, action: str, resource: str, context: Context) -> Decision:
        """Returns whether who shows a token of a provider may do this."""
        answer, decided = Answer.NOT_MENTIONED, None
        for found in self.statements:
            listed = provider_arn in found.principals.providers or found.principals.everybody
            if listed == found.excepted or not found.statement.applies(action, resource, context):
                continue
            if not found.statement.allow:
                return Decision(Answer.DENIED, action, resource, self.name, found.statement)
            # A role is open to a provider only where it names it.
            if provider_arn in found.principals.providers and answer is Answer.NOT_MENTIONED:
                answer, decided = Answer.ALLOWED, found.statement
        return Decision(answer, action, resource, self.name, decided)


def decide_on_role(
    caller: Caller, policy: TrustPolicy, account_id: str, action: str, resource: str, context: Context
) -> Decision:
    """Returns whether a caller may do ``action``, like ``sts:AssumeRole``, to a role of an account.

    The role must trust the caller. In its own account that is enough where the role names the caller itself;
    otherwise the caller's own policies must allow it as well, and a Deny in any of them is final.
    """
    own = decide(caller, action, resource, context, None)
    if own.answer is Answer.DENIED:
        return own
    if denying := policy.about(caller, action, resource, context, allow=False):
        return Decision(Answer.DENIED, action, resource, policy.name, denying[1])
    given = policy.about(caller, action, resource, context, allow=True)
    if given is None:
        return Decision(Answer.NOT_MENTIONED, action, resource, policy.name)
    named, statement = given
    narrowed = bool(caller.session_policies) or caller.boundary is not None
    by_name = named is Named.SESSION or (named > Named.ACCOUNT and not narrowed)
    if own.allowed or (by_name and caller.account_id == account_id):
        return Decision(Answer.ALLOWED, action, resource, policy.name, statement)
    return own


@lru_cache(maxsize=1024)
def read_trust_policy(text: str, role_name: str) -> TrustPolicy:
    """Returns whom a role trusts, read once for all requests that need it.

    Raises PolicyError, with the number of the statement, for what AWS refuses with MalformedPolicyDocument,
    and for what this server cannot evaluate.
    """
    statements, version = statements_of(text)
    refuse_repeated_sids(statements)
    return TrustPolicy(read_each(statements, version, _read), f"the trust policy of role {role_name}")


def _read(document: Any, number: int, /, *, variables: bool) -> BucketStatement:
    principals, excepted, rest = read_whom(document, of_role=True)
    if "Resource" in rest or "NotResource" in rest:
        raise PolicyError("Has prohibited field Resource")
    if principals.canonical_ids:
        raise PolicyError("Invalid principal in policy: a role trusts users, roles, accounts and providers")
    for action in strings_of(rest, one_of(rest, "Action")):
        if not action.lower().startswith(_SERVICE):
            raise PolicyError("AssumeRole policy may only specify STS AssumeRole actions")
    statement = read_statement(rest | {"Resource": "*"}, number, variables=variables)
    return BucketStatement(statement, principals, excepted)
