"""Server access logging of a bucket, as a document that is checked and kept: no logs are delivered.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.xml_values import at_most_one, choice_of, malformed, trimmed_text_of
from s3portal.server.wire.xml_documents import refuse_unknown_children, text_of

KIND = "logging"
_PARTS = ("TargetBucket", "TargetPrefix", "TargetGrants", "TargetObjectKeyFormat")
_PERMISSIONS = ("FULL_CONTROL", "READ", "WRITE")
_FORMATS = ("SimplePrefix", "PartitionedPrefix")


def target_bucket(root: Element) -> str | None:
    """Returns the bucket that a BucketLoggingStatus names, None where it turns logging off.

    Raises MalformedXML.
    """
    refuse_unknown_children(root, ["LoggingEnabled"])
    at_most_one(root, "LoggingEnabled")
    enabled = root.find("LoggingEnabled")
    if enabled is None:
        return None
    refuse_unknown_children(enabled, _PARTS)
    at_most_one(enabled, *_PARTS)
    name = trimmed_text_of(enabled, "TargetBucket")
    if not name or text_of(enabled, "TargetPrefix") is None:
        raise malformed()
    grants, key_format = enabled.find("TargetGrants"), enabled.find("TargetObjectKeyFormat")
    for grant in () if grants is None else grants:
        refuse_unknown_children(grant, ["Grantee", "Permission"])
        choice_of(grant, "Permission", _PERMISSIONS)
        if grant.tag != "Grant" or grant.find("Grantee") is None:
            raise malformed()
    if key_format is not None:
        _check_format(key_format)
    return name


def _check_format(node: Element) -> None:
    refuse_unknown_children(node, _FORMATS)
    if len(node) != 1:
        raise malformed()
    partitioned = node.find("PartitionedPrefix")
    if partitioned is not None:
        refuse_unknown_children(partitioned, ["PartitionDateSource"])
        choice_of(partitioned, "PartitionDateSource", ("EventTime", "DeliveryTime"))
