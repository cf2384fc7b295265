"""Users and roles of the configuration file, as IAM shows them beside its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from s3portal.server.access.configured_directory import ConfiguredDirectory
from s3portal.server.access.directory import Role, User
from s3portal.server.access.session_callers import id_of_role
from s3portal.server.authority.arns import identity_arn
from s3portal.server.authority.policy import Policy
from s3portal.server.iam.records import AccessKey, Identity, Kind
from s3portal.server.wire.errors import S3Error

#: The tag by which they are told from others, and the name under which their policy is shown.
SOURCE_TAG, SOURCE = "s3portal:source", "configuration-file"
# A file does not say when they came.
_CREATED_AT = 0


def find(directory: ConfiguredDirectory, kind: Kind, account_id: str, name: str) -> Identity | None:
    if kind is Kind.USER:
        user = directory.user_named(account_id, name)
        return _user(user) if user else None
    role = directory.role_named(account_id, name) if kind is Kind.ROLE else None
    return _role(role) if role else None


def find_all(directory: ConfiguredDirectory, kind: Kind, account_id: str) -> Sequence[Identity]:
    if kind is Kind.USER:
        return [_user(user) for user in directory.users_of(account_id)]
    return [_role(role) for role in directory.roles_of(account_id)] if kind is Kind.ROLE else []


def policies(directory: ConfiguredDirectory, identity: Identity) -> tuple[Policy, ...]:
    found: User | Role | None
    if identity.kind is Kind.USER:
        found = directory.user_named(identity.account_id, identity.name)
    else:
        found = directory.role_named(identity.account_id, identity.name)
    return found.identity_policies if found else ()


def access_keys(directory: ConfiguredDirectory, user: Identity) -> Sequence[AccessKey]:
    found = directory.user_named(user.account_id, user.name)
    return [AccessKey(found.access_key_id, user.identity_id, True, _CREATED_AT)] if found else []


def unmodifiable(identity: Identity) -> S3Error:
    return S3Error(
        "UnmodifiableEntity",
        f"{identity.kind.title} {identity.name} is part of the server's configuration file and can only be "
        "changed there.",
    )


def _user(user: User) -> Identity:
    return Identity(
        identity_id=user.access_key_id,
        kind=Kind.USER,
        account_id=user.account_id,
        name=user.name,
        path=user.path,
        created_at=_CREATED_AT,
        tags={**user.tags, SOURCE_TAG: SOURCE},
        configured=True,
    )


def _role(role: Role) -> Identity:
    return Identity(
        identity_id=id_of_role(role),
        kind=Kind.ROLE,
        account_id=role.account_id,
        name=role.name,
        path=role.path,
        created_at=_CREATED_AT,
        tags={**role.tags, SOURCE_TAG: SOURCE},
        trust_policy=json.dumps(_trust_policy_of(role)),
        max_session_s=role.max_session_s,
        configured=True,
    )


def _trust_policy_of(role: Role) -> Mapping[str, object]:
    """What ``trusted`` means, as a policy says it."""
    arns = []
    for name in sorted(role.trusted):
        if name.startswith("arn:"):
            arns.append(name)
        else:
            kind = "role" if name.startswith("role/") else "user"
            arns.append(identity_arn(role.account_id, kind, name.removeprefix("role/")))
    # A role that trusts nobody has no principal to show.
    principal = {"AWS": arns} if arns else {"Service": "nobody.amazonaws.com"}
    statement: dict[str, object] = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    if role.external_id is not None:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": role.external_id}}
    return {"Version": "2012-10-17", "Statement": [statement]}
