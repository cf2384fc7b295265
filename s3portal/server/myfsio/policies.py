"""``{"bucket", "actions"}``: MyFSIO's policies of users, as policies of AWS. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from s3portal.server.authority.policy import CURRENT_VERSION
from s3portal.server.myfsio.actions import (
    IAM_ACTIONS,
    KEY_ACTIONS,
    LIST_BUCKETS,
    S3_ACTIONS,
    action_named,
)

_ALL_BUCKETS = "*"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{0,254}")


def policy_of_entries(entries: Any) -> tuple[Mapping[str, Any] | None, Sequence[str]]:
    """Returns a policy document that allows what the entries do, None where they allow nothing, and the names
    of actions that nobody knows, which allow nothing. Raises ValueError for what is not such a policy.

    Actions on users count where the bucket is ``*``, as in MyFSIO.
    """
    if not isinstance(entries, list):
        raise ValueError("policies must be a list")
    statements: list[dict[str, Any]] = []
    unknown: list[str] = []
    for number, entry in enumerate(entries):
        bucket, actions = _entry(entry, f"policies[{number}]")
        unknown += [action for action in actions if not action_named(action)]
        statements += _statements(bucket, frozenset().union(*map(action_named, actions)))
    document = {"Version": CURRENT_VERSION, "Statement": statements}
    return document if statements else None, unknown


def _entry(entry: Any, place: str) -> tuple[str, Sequence[str]]:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{place} must be an object with bucket and actions")
    bucket, actions = entry.get("bucket", _ALL_BUCKETS), entry.get("actions", [])
    if isinstance(actions, str):
        actions = [actions]
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        raise ValueError(f"{place}: actions must be a list of texts")
    if not isinstance(bucket, str) or not (bucket == _ALL_BUCKETS or _BUCKET.fullmatch(bucket.lower())):
        # What else it says could have a meaning in an ARN that it does not have here.
        raise ValueError(f"{place}: bucket must be the name of a bucket, or *")
    return bucket.lower(), actions


def _statements(bucket: str, names: frozenset[str]) -> Iterable[dict[str, Any]]:
    on_all = bucket == _ALL_BUCKETS
    actions = [action for name, of_it in S3_ACTIONS.items() if name in names for action in of_it]
    if actions:
        arns = "arn:aws:s3:::*" if on_all else [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        yield _allow(actions, arns)
    on_service = [LIST_BUCKETS] if "list" in names and on_all else []
    if on_all:
        on_service += [action for name, of_it in IAM_ACTIONS.items() if name in names for action in of_it]
    if on_service:
        yield _allow(on_service, "*")
    of_keys = dict.fromkeys(
        action for name, of_it in KEY_ACTIONS.items() if name in names for action in of_it
    )
    if of_keys:
        # Of the keys only what S3 does for the caller with objects that it may read or write.
        condition = {"StringLike": {"kms:ViaService": "s3.*"}}
        yield _allow(list(of_keys), "*") | {"Condition": condition}


def _allow(actions: Sequence[str], resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}
