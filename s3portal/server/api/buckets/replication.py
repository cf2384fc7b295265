"""The replication rules of a bucket: put, shown, deleted.

Rules and where they send to are an administrator's; whoever may put a bucket's replication may pause and
resume the rules that are there (the two tiers of MyFSIO), by putting them with another Status.
"""

from __future__ import annotations

from dataclasses import replace

from s3portal.server.api.buckets import stored
from s3portal.server.authority.decision import Decision
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.bucket_settings import replication, replication_documents
from s3portal.server.bucket_settings.replication import CONFIGURED, Replication, ReplicationRule
from s3portal.server.bucket_settings.replication_documents import Destination
from s3portal.server.gateway.call import Call, Target
from s3portal.server.gateway.operation import BUCKET, Operation
from s3portal.server.replication import rules
from s3portal.server.storage import replication_connections
from s3portal.server.storage.records import Versioning
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.reply import NO_CONTENT, Reply, xml_reply

_GET, _PUT = "s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration"
_ADMINISTERING, _PASSING = "iam:*", "iam:PassRole"


def put_bucket_replication(call: Call) -> Reply:
    root = stored.setting_document(call, "ReplicationConfiguration")
    given = replication_documents.of_xml(root, lambda destination: _connection_of(call, destination))
    present = replication.read(stored.find(call, replication.KIND))
    if not _is_same_but_paused(present, given):
        # Rules that were made in another way are paused and resumed without versions, too.
        _require_versions(call)
        _require_administrator(call, given.role)
    rules.change(call.storage, call.bucket, lambda present: _replaced(present, given))
    call.bucket_row.forget()
    return Reply(200)


def _require_versions(call: Call) -> None:
    if call.bucket_row.require().versioning is not Versioning.ENABLED:
        raise S3Error(
            "InvalidRequest",
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        )


def get_bucket_replication(call: Call) -> Reply:
    document = stored.require(call, replication.KIND, "ReplicationConfigurationNotFoundError")
    return xml_reply(replication_documents.to_xml(replication.read(document)))


def delete_bucket_replication(call: Call) -> Reply:
    present = replication.read(stored.find(call, replication.KIND))
    if present.rules:
        _require_administrator(call, present.role)
        rules.change(call.storage, call.bucket, lambda present: Replication())
        call.bucket_row.forget()
    return NO_CONTENT


def _replaced(present: Replication, given: Replication) -> Replication:
    """Returns the given rules; what else is known of those that are there already stays."""
    return replace(given, rules=tuple(_known(present, rule) for rule in given.rules))


def _known(present: Replication, rule: ReplicationRule) -> ReplicationRule:
    before = present.rule(rule.rule_id)
    if before is None or before.document is not None or not _is_alike(before, rule):
        return rule
    # Made by another way, and put again as it was shown: what S3's document has no word for stays.
    return replace(before, enabled=rule.enabled)


def _is_alike(before: ReplicationRule, rule: ReplicationRule) -> bool:
    """Whether two rules are the same as far as S3's document tells of them, paused or not."""
    if before.document is not None:
        return replace(before, enabled=True, document=None) == replace(rule, enabled=True, document=None)
    return _as_said(before) == _as_said(rule)


def _as_said(rule: ReplicationRule) -> ReplicationRule:
    return replace(rule, enabled=True, document=None, deletions=True, origin=CONFIGURED)


def _is_same_but_paused(present: Replication, given: Replication) -> bool:
    known = {rule.rule_id: rule for rule in present.rules}
    return len(known) == len(given.rules) and all(
        rule.rule_id in known and _is_alike(known[rule.rule_id], rule) for rule in given.rules
    )


def _require_administrator(call: Call, role: str) -> None:
    """Raises AccessDenied for who may not make and remove rules: ``iam:*``, or, as on AWS, ``iam:PassRole``
    on the role of the rules."""
    decision = _decision(call, _ADMINISTERING, "*")
    if not decision.allowed and not (role and _decision(call, _PASSING, role).allowed):
        raise AccessDenied(decision)


def _decision(call: Call, action: str, resource: str) -> Decision:
    return call.decide(action, Target(None, other=resource), None, call.circumstances(None))


def _connection_of(call: Call, destination: Destination) -> str:
    """Returns the connection of a destination: the one that its ARN names, else that of its account, else the
    only one that there is. Raises InvalidRequest where that leads to none."""
    found = replication_connections.find_all(call.storage)
    if destination.connection is not None:
        names = [one.name for one in found if one.name == destination.connection]
    elif destination.account is not None:
        names = [one.name for one in found if one.account == destination.account]
    else:
        names = [one.name for one in found]
    if len(names) != 1:
        raise S3Error(
            "InvalidRequest",
            f"{'No' if not names else 'More than one'} connection of this server leads to destination bucket "
            f"{destination.bucket}. An administrator makes connections; name one by its account, or by "
            f"arn:s3portal:replication::<connection>:{destination.bucket}.",
        )
    return names[0]


OPERATIONS = (
    Operation("PutBucketReplication", BUCKET, "PUT", ("replication",), _PUT, put_bucket_replication),
    Operation("GetBucketReplication", BUCKET, "GET", ("replication",), _GET, get_bucket_replication),
    Operation("DeleteBucketReplication", BUCKET, "DELETE", ("replication",), _PUT, delete_bucket_replication),
)
