"""Requests that another server sends to replicate what was changed there."""

from __future__ import annotations

from s3portal.server.authority.callers import SessionKind
from s3portal.server.gateway.call import Call
from s3portal.server.storage import replication_users
from s3portal.server.storage.replicas import MODIFIED_HEADER, VERSION_HEADER, Origin
from s3portal.server.storage.storage import now_ms
from s3portal.server.storage.versioning import looks_like_version_id
from s3portal.server.wire.errors import S3Error

#: How the User-Agent of a replicating server begins; MyFSIO's does, too.
AGENT = "S3ReplicationAgent/"
#: What a policy may allow a replicating server in place of the action of its request.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
REPLICATED_BY = {
    "s3:PutObject": "s3:ReplicateObject",
    "s3:DeleteObject": "s3:ReplicateDelete",
    "s3:DeleteObjectVersion": "s3:ReplicateDelete",
    "s3:PutObjectTagging": "s3:ReplicateTags",
    "s3:PutObjectVersionTagging": "s3:ReplicateTags",
    "s3:DeleteObjectTagging": "s3:ReplicateTags",
    "s3:DeleteObjectVersionTagging": "s3:ReplicateTags",
}
_FUTURE_LIMIT_MS = 24 * 3600 * 1000


def is_replication_agent(call: Call) -> bool:
    """Whether a request comes from a server that may replicate to this one: by its User-Agent, which anybody
    can send, and by its user, whom the configuration or an administrator has named for that."""
    if not (call.header("user-agent") or "").startswith(AGENT):
        return False
    caller = call.proof.caller
    if caller.account_id is None or caller.session in (SessionKind.ROLE, SessionKind.FEDERATED):
        # Whoever begins such a session chooses its name.
        return False
    user = (caller.account_id, caller.name)
    return user in call.service.replication_users() or replication_users.is_named(call.storage, *user)


def origin_of(call: Call) -> Origin | None:
    """Returns the version that a request replicates; None for the request of anybody else.

    Raises InvalidArgument for a date or a version id that is none.
    """
    text = call.header(MODIFIED_HEADER)
    if text is None or not is_replication_agent(call):
        return None
    modified_at = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    if not 0 <= modified_at <= now_ms() + _FUTURE_LIMIT_MS:
        raise _invalid(MODIFIED_HEADER, text)
    version_id = call.header(VERSION_HEADER) or None
    if version_id is not None and not looks_like_version_id(version_id):
        raise _invalid(VERSION_HEADER, version_id)
    return Origin(None if version_id == "null" else version_id, modified_at)


def _invalid(name: str, value: str) -> S3Error:
    facts = {"ArgumentName": name, "ArgumentValue": value}
    return S3Error("InvalidArgument", f"{name} cannot be read", facts=facts)
