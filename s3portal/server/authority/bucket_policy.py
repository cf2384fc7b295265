"""The policy of a bucket: a policy that also says whom it is about, and speaks of one bucket only.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from s3portal.server.authority.callers import Caller
from s3portal.server.authority.condition_keys import actions_with_key
from s3portal.server.authority.known_actions import BUCKET_ACTIONS, OBJECT_ACTIONS
from s3portal.server.authority.policy import (
    Statement,
    one_of,
    read_each,
    read_statement,
    refuse_repeated_sids,
    statements_of,
)
from s3portal.server.authority.policy_patterns import Context, PolicyError, pattern, strings_of
from s3portal.server.authority.principals import Named, Principals, read_principals

_VARIABLE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class BucketStatement:
    """A statement about ``principals``, or about all but these where they are ``excepted``."""

    statement: Statement
    principals: Principals
    excepted: bool

    def names(self, caller: Caller) -> Named:
        """Returns in which way the statement is about a caller."""
        if self.excepted:
            return Named.NOT_AT_ALL if self.principals.excepts(caller) else Named.EVERYBODY
        return self.principals.names(caller)


@dataclass(frozen=True)
class BucketPolicy:
    """``name`` is what people are told of it."""

    statements: tuple[BucketStatement, ...]
    name: str

    def denying(self, caller: Caller, action: str, resource: str, context: Context) -> Statement | None:
        """Returns the first statement that denies this."""
        for found in self.statements:
            if (
                not found.statement.allow
                and found.names(caller)
                and found.statement.applies(action, resource, context)
            ):
                return found.statement
        return None

    def allowing(
        self, caller: Caller, action: str, resource: str, context: Context
    ) -> tuple[Named, Statement] | None:
        """Returns the statement that allows this and names the caller most closely, and how it does."""
        best: tuple[Named, Statement] | None = None
        for found in self.statements:
            if not found.statement.allow:
                continue
            named = found.names(caller)
            closer = named > (best[0] if best else Named.NOT_AT_ALL)
            if closer and found.statement.applies(action, resource, context):
                best = named, found.statement
        return best


@lru_cache(maxsize=1024)
def read_bucket_policy(text: str, bucket: str) -> BucketPolicy:
    """Returns the policy of a bucket, read once for all requests that need it.

    Raises PolicyError, with the number of the statement, for what AWS refuses with MalformedPolicy, and for
    what this server cannot evaluate.
    """
    statements, version = statements_of(text)
    refuse_repeated_sids(statements)

    def read(document: Any, number: int, /, *, variables: bool) -> BucketStatement:
        principals, excepted, rest = read_whom(document)
        if not isinstance(document.get("Sid", ""), str):
            raise PolicyError("Sid must be a string")
        statement = read_statement(rest, number, variables=variables)
        _check_resources(document, bucket)
        _check_actions(document, statement)
        return BucketStatement(statement, principals, excepted)

    return BucketPolicy(read_each(statements, version, read), f"the policy of bucket {bucket}")


def read_whom(document: Any, *, of_role: bool = False) -> tuple[Principals, bool, dict[str, Any]]:
    """Returns whom a statement names, whether it is about all but these, and what else it says.

    ``of_role`` reads it as the trust policy of a role. Raises PolicyError.
    """
    if not isinstance(document, Mapping):
        raise PolicyError("a statement must be a JSON object")
    name = one_of(document, "Principal")
    principals = read_principals(document, name, of_role=of_role)
    excepted = name == "NotPrincipal"
    if excepted and document.get("Effect") == "Allow":
        raise PolicyError("NotPrincipal must be used with Deny; with Allow it would let everybody in")
    return principals, excepted, {element: value for element, value in document.items() if element != name}


def _check_resources(document: Mapping[str, Any], bucket: str) -> None:
    """Raises PolicyError for a resource that is neither this bucket nor in it."""
    for resource in strings_of(document, one_of(document, "Resource")):
        place = _VARIABLE.sub("*", resource.removeprefix("arn:aws:s3:::"))
        known = resource == "*" or resource.startswith("arn:aws:s3:::")
        if not known or not pattern(place.partition("/")[0], escapes=False)(bucket):
            raise PolicyError(f"Policy has invalid resource: {resource!r} is not in bucket {bucket}")


def _check_actions(document: Mapping[str, Any], statement: Statement) -> None:
    """Raises PolicyError for actions that S3 does not have, that nothing named here knows, or whose requests
    never have the keys of the conditions."""
    if statement.actions_are_excepted:
        return
    levels = _levels_of(document)
    for action, matches in zip(strings_of(document, "Action"), statement.actions, strict=True):
        on_objects = any(map(matches, OBJECT_ACTIONS))
        on_bucket = any(map(matches, BUCKET_ACTIONS))
        if not on_objects and not on_bucket:
            raise PolicyError(f"Policy has invalid action: {action!r}")
        if not ((on_objects and "object" in levels) or (on_bucket and "bucket" in levels)):
            raise PolicyError(f"Action does not apply to any resource(s) in statement: {action!r}")
    for condition in statement.conditions:
        speaking_of = actions_with_key(condition.key)
        if speaking_of is not None and not any(
            matches(action) for matches in statement.actions for action in speaking_of
        ):
            raise PolicyError(
                "Conditions do not apply to combination of actions and resources in statement: no action "
                f"here has {condition.key}"
            )


def _levels_of(document: Mapping[str, Any]) -> Sequence[str]:
    """Returns whether the resources of a statement are the bucket, objects in it, or both."""
    if "NotResource" in document:
        return ("bucket", "object")
    levels = set()
    for resource in strings_of(document, "Resource"):
        place = resource.removeprefix("arn:aws:s3:::")
        if "/" in place or "${" in place:
            levels.add("object")
        else:
            levels.add("bucket")
            if place.endswith("*"):
                levels.add("object")
    return tuple(levels)
