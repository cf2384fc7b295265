"""Replication as PutBucketReplication gives it, refused as S3 does, and as GetBucketReplication shows it.
Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings import kept_trees
from s3portal.server.bucket_settings.replication import Replication, ReplicationRule
from s3portal.server.bucket_settings.xml_values import (
    at_most_one,
    choice_of,
    malformed,
    number_of,
    only_child,
    trimmed_text_of,
)
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.tag_sets import pairs_of_nodes
from s3portal.server.wire.xml_documents import (
    document,
    element,
    field,
    fields,
    refuse_unknown_children,
    text_of,
)

RULES_LIMIT = 1000
ID_LIMIT_CHARACTERS = 255
PREFIX_LIMIT_BYTES = 1024
_STATUS = ("Enabled", "Disabled")
_SWITCHES = ("DeleteMarkerReplication", "DeleteReplication", "ExistingObjectReplication")
_RULE = (
    "ID", "Priority", "Prefix", "Filter", "Status", "SourceSelectionCriteria", "Destination", *_SWITCHES,
)  # fmt: skip
_DESTINATION = (
    "Bucket", "Account", "StorageClass", "AccessControlTranslation", "EncryptionConfiguration",
    "ReplicationTime", "Metrics",
)  # fmt: skip
# A bucket's ARN, and one that names a connection outright.
_BUCKET_ARN = re.compile(r"arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")
_OWN_ARN = re.compile(
    r"arn:s3portal:replication::([A-Za-z0-9][A-Za-z0-9_.-]{0,63}):([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
)
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")


@dataclass(frozen=True)
class Destination:
    """Where a document's rule sends to. ``connection`` is the name that an ARN of ours has, ``account`` the
    account that the rule names; None without."""

    bucket: str
    connection: str | None
    account: str | None


def of_xml(root: Element, connection_of: Callable[[Destination], str]) -> Replication:
    """Returns the rules of a ReplicationConfiguration; ``connection_of`` tells the connection of a
    destination, and raises where there is none.

    Raises MalformedXML, InvalidArgument, InvalidRequest.
    """
    refuse_unknown_children(root, ["Role", "Rule"])
    at_most_one(root, "Role")
    role = trimmed_text_of(root, "Role") or ""
    if role and not _ROLE_ARN.fullmatch(role):
        raise _invalid("The role ARN specified in the replication configuration is not valid.", role)
    nodes = root.findall("Rule")
    if not nodes:
        raise malformed()
    if len(nodes) > RULES_LIMIT:
        raise _invalid(f"The number of replication rules must not exceed the allowed limit of {RULES_LIMIT}.")
    rules = tuple(_rule(node, connection_of) for node in nodes)
    if len({rule.rule_id for rule in rules}) < len(rules):
        raise _invalid("Rule ID must be unique. Found same ID for more than one rule")
    _refuse_ambiguous(nodes, rules)
    return Replication(rules, role)


def _refuse_ambiguous(nodes: list[Element], rules: tuple[ReplicationRule, ...]) -> None:
    """Priorities tell rules of one destination apart; documents without filters know none, and their
    prefixes must not overlap."""
    are_old = [node.find("Filter") is None for node in nodes]
    if any(are_old) and not all(are_old):
        raise S3Error("InvalidRequest", "Rules with and without Filter cannot be in one configuration.")
    if not all(are_old):
        if len({rule.priority for rule in rules}) < len(rules):
            raise _invalid("Found duplicate priority. Priority must be unique for each rule.")
        return
    prefixes = sorted(rule.prefix for rule in rules)
    if any(later.startswith(earlier) for earlier, later in pairwise(prefixes)):
        raise S3Error("InvalidRequest", "Found overlapping prefixes in the replication rules.")


def _rule(node: Element, connection_of: Callable[[Destination], str]) -> ReplicationRule:
    refuse_unknown_children(node, _RULE)
    at_most_one(node, *_RULE)
    rule_id = text_of(node, "ID") or secrets.token_urlsafe(36)
    if len(rule_id) > ID_LIMIT_CHARACTERS:
        raise _invalid(f"ID length should not exceed allowed limit of {ID_LIMIT_CHARACTERS}")
    has_filter = node.find("Filter") is not None
    prefix, tags = _filter(node)
    priority = number_of(node, "Priority")
    marker = _switch(node, "DeleteMarkerReplication")
    if has_filter:
        if priority is None:
            raise S3Error("InvalidRequest", "Priority must be specified for this version of the rule.")
        if marker is None:
            message = "DeleteMarkerReplication must be specified for this version of Cross Region Replication"
            raise S3Error("InvalidRequest", f"{message} configuration schema.")
        if marker and tags:
            raise S3Error(
                "InvalidRequest",
                "Delete marker replication is not supported if any Tag filter is specified.",
            )
    if priority is not None and not 0 <= priority < 2**31:
        raise _invalid("Priority must be between 0 and 2147483647")
    destination = only_child(node, "Destination")
    where, storage_class = _destination(destination)
    return ReplicationRule(
        rule_id=rule_id,
        connection=connection_of(where),
        target_bucket=where.bucket,
        enabled=choice_of(node, "Status", _STATUS) == "Enabled",
        priority=priority or 0,
        prefix=prefix,
        tags=tags,
        # Of documents without filters delete markers are replicated.
        delete_markers=True if marker is None else marker,
        deletions=bool(_switch(node, "DeleteReplication")),
        existing_objects=bool(_switch(node, "ExistingObjectReplication")),
        storage_class=storage_class,
        kms_key_id=_kms_key_id(destination),
        document=kept_trees.write(node),
    )


def _switch(node: Element, name: str) -> bool | None:
    child = node.find(name)
    if child is None:
        return None
    refuse_unknown_children(child, ["Status"])
    return choice_of(child, "Status", _STATUS) == "Enabled"


def _filter(node: Element) -> tuple[str, tuple[tuple[str, str], ...]]:
    parent = node.find("Filter")
    if parent is None:
        return _prefix(node), ()
    if node.find("Prefix") is not None:
        raise malformed()
    refuse_unknown_children(parent, ["Prefix", "Tag", "And"])
    if len(parent) > 1:
        raise malformed()
    both = parent.find("And")
    if both is not None:
        refuse_unknown_children(both, ["Prefix", "Tag"])
        at_most_one(both, "Prefix")
        if len(both) < 2:
            raise malformed()
        parent = both
    tags = Element("Tags")
    tags.extend(parent.findall("Tag"))
    pairs = tuple(pairs_of_nodes(tags))
    if len(dict(pairs)) < len(pairs):
        raise S3Error("InvalidRequest", "Duplicate Tag Keys are not allowed.")
    return _prefix(parent), pairs


def _prefix(parent: Element) -> str:
    prefix = text_of(parent, "Prefix") or ""
    if len(prefix.encode()) > PREFIX_LIMIT_BYTES:
        raise S3Error("InvalidRequest", f"The maximum size of a prefix is {PREFIX_LIMIT_BYTES}.")
    return prefix


def _destination(node: Element) -> tuple[Destination, str | None]:
    refuse_unknown_children(node, _DESTINATION)
    at_most_one(node, *_DESTINATION)
    arn = trimmed_text_of(node, "Bucket") or ""
    account = trimmed_text_of(node, "Account") or None
    if account is not None and not re.fullmatch(r"[0-9]{12}", account):
        raise _invalid("Account must be the 12 digits of an account.", account)
    storage_class = trimmed_text_of(node, "StorageClass") or None
    own = _OWN_ARN.fullmatch(arn)
    if own is not None:
        return Destination(own[2], own[1], account), storage_class
    of_aws = _BUCKET_ARN.fullmatch(arn)
    if of_aws is None:
        raise _invalid("Invalid bucket ARN.", arn)
    return Destination(of_aws[1], None, account), storage_class


def _kms_key_id(destination: Element) -> str | None:
    node = destination.find("EncryptionConfiguration")
    if node is None:
        return None
    refuse_unknown_children(node, ["ReplicaKmsKeyID"])
    return trimmed_text_of(node, "ReplicaKmsKeyID") or None


def _invalid(message: str, value: str | None = None) -> S3Error:
    return S3Error("InvalidArgument", message, facts={} if value is None else {"ArgumentValue": value})


def arn_of(rule: ReplicationRule) -> str:
    """Returns the ARN that names the destination of a rule with its connection."""
    return f"arn:s3portal:replication::{rule.connection}:{rule.target_bucket}"


def to_xml(found: Replication) -> bytes:
    """Returns the ReplicationConfiguration."""
    return document("ReplicationConfiguration", field("Role", found.role), *map(_rule_to_xml, found.rules))


def _rule_to_xml(rule: ReplicationRule) -> str:
    if rule.document is not None:
        shown = kept_trees.elements(rule.document)
        # Paused and resumed since it was put.
        return element("Rule", *_with_status(shown, rule))
    tags = [element("Tag", fields(("Key", name), ("Value", value))) for name, value in rule.tags]
    predicates = [*([field("Prefix", rule.prefix)] if rule.prefix or not tags else []), *tags]
    content = predicates[0] if len(predicates) == 1 else element("And", *predicates)
    return element(
        "Rule",
        field("ID", rule.rule_id),
        field("Priority", rule.priority),
        element("Filter", content),
        field("Status", _STATUS[not rule.enabled]),
        element("DeleteMarkerReplication", field("Status", _STATUS[not rule.delete_markers])),
        element("ExistingObjectReplication", field("Status", _STATUS[not rule.existing_objects])),
        element("Destination", fields(("Bucket", arn_of(rule)), ("StorageClass", rule.storage_class))),
    )


def _with_status(shown: dict[str, str], rule: ReplicationRule) -> list[str]:
    given = {"ID": field("ID", rule.rule_id)} | shown
    given["Status"] = field("Status", _STATUS[not rule.enabled])
    return list(given.values())
