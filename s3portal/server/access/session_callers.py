"""Who calls with temporary credentials: a session of a role or a user, or somebody whom a user vouches for.

A session ends with the role or the user that it is of, and with the user who began it, or the identity
provider that vouched for whoever did. What they may do is looked up for each request.
"""

from __future__ import annotations

from collections.abc import Mapping

from s3portal.server.access.directory import ROOT_USER, Directory, Identity, Role, User
from s3portal.server.access.session_tokens import Session, role_id
from s3portal.server.access.web_identity import FEDERATED_PROVIDER
from s3portal.server.authority.arns import federated_user_arn, session_arn
from s3portal.server.authority.callers import Caller, SessionKind
from s3portal.server.authority.policy import NOTHING, Policy, read_policy_text
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.wire.errors import S3Error


def caller_of_session(session: Session, directory: Directory) -> Caller:
    """Returns who calls with a session's token. Raises InvalidToken where it has ended with what it is of."""
    began_by = _who_began(session, directory)
    if session.kind == SessionKind.ROLE.value:
        return _of_role(session, directory)
    if began_by is None:
        raise S3Error("InvalidToken")
    _require_active_key(session, directory, began_by)
    if session.kind == SessionKind.OWN.value:
        return _of_user(session, began_by)
    return _federated(session, began_by, directory)


def _who_began(session: Session, directory: Directory) -> User | None:
    """The user who began it; None where no user has, or an earlier server has noted none."""
    if not session.ends_with:
        return None
    user = directory.user(Identity.of_text(session.ends_with))
    if user is None:
        raise S3Error("InvalidToken")
    return user


def _require_active_key(session: Session, directory: Directory, user: User) -> None:
    """A user's own temporary credentials end with the key that asked for them."""
    holder = directory.user_with_key(session.parent_key_id)
    if holder is None or holder.identity != user.identity:
        raise S3Error("InvalidToken")


def _of_role(session: Session, directory: Directory) -> Caller:
    provider = _who_vouched(session, directory)
    role = directory.role_named(session.account_id, session.role)
    if role is None or session.role_id != id_of_role(role):
        raise S3Error("InvalidToken")
    return Caller(
        name=f"{role.name}/{session.name}",
        arn=session_arn(role.account_id, role.name, session.name),
        user_id=f"{session.role_id}:{session.name}",
        account_id=role.account_id,
        identity_policies=role.identity_policies,
        session_policies=_session_policies(session, directory),
        role=role.name,
        tags=_tags(role.tags, session.tags),
        session_began_at=session.issued_at,
        boundary=role.boundary,
        session=SessionKind.ROLE,
        behind=role.arn,
        session_keys=_session_keys(session),
        ends_with=session.ends_with,
        transitive_tags=tuple(session.transitive_tags),
        provider=provider,
    )


def _who_vouched(session: Session, directory: Directory) -> str:
    """The ARN of the identity provider behind a session, '' where none is. Raises InvalidToken once it has
    left the configuration."""
    # Earlier tokens name it among the condition keys alone.
    provider = session.provider or str(session.keys.get(FEDERATED_PROVIDER, ""))
    if provider and not directory.has_provider(provider):
        raise S3Error("InvalidToken")
    return provider


def _of_user(session: Session, user: User) -> Caller:
    return Caller(
        name=user.name,
        arn=user.arn,
        user_id=user.user_id or session.parent_key_id,
        account_id=user.account_id,
        identity_policies=user.identity_policies,
        tags=user.tags,
        session_began_at=session.issued_at,
        is_root=user.name == ROOT_USER and not user.user_id,
        boundary=user.boundary,
        session=SessionKind.OWN,
        ends_with=session.ends_with,
    )


def _federated(session: Session, user: User, directory: Directory) -> Caller:
    """Without a policy of its own, it may do what policies of buckets give to it by its name."""
    return Caller(
        name=session.name,
        arn=federated_user_arn(user.account_id, session.name),
        user_id=f"{user.account_id}:{session.name}",
        account_id=user.account_id,
        identity_policies=user.identity_policies,
        session_policies=_session_policies(session, directory) or (NOTHING,),
        tags=_tags(user.tags, session.tags),
        session_began_at=session.issued_at,
        boundary=user.boundary,
        session=SessionKind.FEDERATED,
        behind=user.arn,
        session_keys=_session_keys(session),
        ends_with=session.ends_with,
    )


def id_of_role(role: Role) -> str:
    """Returns the unique id of a role."""
    return role.role_id or role_id(role.name, role.account_id)


def _session_policies(session: Session, directory: Directory) -> tuple[Policy, ...]:
    """The policies that came with the session. A managed one that is gone allows nothing."""
    inline = (read_policy_text(session.policy, "the session policy"),) if session.policy else ()
    managed = (directory.managed_policy(arn) or NOTHING for arn in session.policy_arns)
    return (*inline, *managed)


def _tags(own: Mapping[str, str], of_session: Mapping[str, str]) -> Mapping[str, str]:
    """A session's tag wins over the role's or the user's of the same name, which is compared without case."""
    replaced = {name.lower() for name in of_session}
    return {name: value for name, value in own.items() if name.lower() not in replaced} | dict(of_session)


def _session_keys(session: Session) -> Mapping[str, Values]:
    keys = dict(session.keys)
    if session.source_identity:
        keys["aws:sourceidentity"] = session.source_identity
    return keys
