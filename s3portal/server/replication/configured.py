"""The connections and rules of the configuration file, brought into the database at every start, and
whenever the file changes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from s3portal.server.bucket_settings import replication
from s3portal.server.bucket_settings.replication import CONFIGURED, Replication, ReplicationRule
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError
from s3portal.server.replication import connections, rules
from s3portal.server.replication.connections import ConnectionProblem, NewConnection
from s3portal.server.storage import buckets, replication_connections
from s3portal.server.storage.replication_connections import Connection
from s3portal.server.storage.storage import Storage

log = logging.getLogger(__name__)


def apply(
    storage: Storage,
    master_key: MasterKey,
    given: Sequence[NewConnection],
    configured: Sequence[tuple[str, ReplicationRule]],
) -> None:
    """Stores what is configured and has changed, and removes what was configured and is not any more; what
    was made otherwise stays. A rule that somebody has paused, or resumed, stays so.

    Nothing is tried: a target that is down keeps no server from starting. Raises ConnectionProblem for a rule
    of a bucket or a connection that does not exist, and what the master key raises.
    """
    present = {connection.name: connection for connection in replication_connections.find_all(storage)}
    known = {*present, *(new.name for new in given)}
    names = {bucket.name for bucket in buckets.find_all(storage)}
    for bucket, rule in configured:
        if bucket not in names:
            raise ConnectionProblem(f"replication rule {rule.rule_id}: there is no bucket {bucket}")
        if rule.connection not in known:
            raise ConnectionProblem(
                f"replication rule {rule.rule_id} of bucket {bucket} names no connection that there is: "
                f"{rule.connection}"
            )
    # Not before the rules are known to be right: a mistake changes nothing.
    for new in given:
        if not _is_same(master_key, present.get(new.name), new):
            connections.save(storage, master_key, new, lambda _: None, origin=CONFIGURED)
    for found in buckets.find_all(storage):
        wanted = [rule for bucket, rule in configured if bucket == found.name]
        stored = replication.read(found.settings.get(replication.KIND))
        if _as_configured(stored, wanted) != stored:
            rules.change(storage, found.name, partial(_as_configured, wanted=wanted))
    _remove_others(storage, present.values(), {new.name for new in given})


def _is_same(master_key: MasterKey, stored: Connection | None, new: NewConnection) -> bool:
    if stored is None:
        return False
    try:
        secret = connections.secret_of(master_key, stored)
    except MasterKeyError:
        log.warning("the secret of connection %s cannot be opened and is sealed again", stored.name)
        return False
    as_given = NewConnection(
        stored.name, stored.endpoint, stored.access_key_id, secret, stored.region, stored.account
    )
    return as_given == replace(new, endpoint=new.endpoint.rstrip("/")) and stored.origin == CONFIGURED


def _as_configured(stored: Replication, wanted: Sequence[ReplicationRule]) -> Replication:
    kept = [rule for rule in stored.rules if rule.origin != CONFIGURED]
    kept = [rule for rule in kept if rule.rule_id not in {new.rule_id for new in wanted}]
    new = []
    for rule in wanted:
        before = stored.rule(rule.rule_id)
        is_known = before is not None and before.origin == CONFIGURED
        new.append(replace(rule, enabled=before.enabled) if before is not None and is_known else rule)
    return replace(stored, rules=(*kept, *new))


def _remove_others(storage: Storage, present: Iterable[Connection], given: set[str]) -> None:
    for connection in present:
        if connection.origin == CONFIGURED and connection.name not in given:
            try:
                connections.remove(storage, connection.name)
            except ConnectionProblem as problem:
                log.warning("%s", problem)
