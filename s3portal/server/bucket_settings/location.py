"""Where a bucket is said to be: its location constraint.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
"""

from __future__ import annotations

import re

from s3portal.server.wire.errors import S3Error

KIND = "location"
DEFAULT_REGION = "us-east-1"
_REGION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# The name that S3 had for Ireland before there were regions.
_EU = {"EU": "eu-west-1"}
_LIMIT_CHARACTERS = 64


def check_constraint(constraint: str, region: str | None) -> None:
    """Raises InvalidLocationConstraint for what is no region's name, and IllegalLocationConstraintException
    for another region than the server's; ``region`` None is a server that is in all of them."""
    facts = {"LocationConstraint": constraint}
    name = _EU.get(constraint, constraint)
    if len(name) > _LIMIT_CHARACTERS or not _REGION.fullmatch(name):
        raise S3Error("InvalidLocationConstraint", facts=facts)
    if region and name != region:
        message = (
            f"The {constraint} location constraint is incompatible for the region specific endpoint this "
            "request was sent to."
        )
        raise S3Error("IllegalLocationConstraintException", message, facts=facts)


def stored_constraint(constraint: str | None, region: str | None) -> str | None:
    """Returns what is kept of a constraint: one that is not what the server's buckets have anyway."""
    return constraint if constraint and constraint != (region or DEFAULT_REGION) else None


def constraint_of(stored: str | None, region: str | None) -> str:
    """Returns what GetBucketLocation shows: nothing for us-east-1."""
    shown = stored or region or DEFAULT_REGION
    return "" if shown == DEFAULT_REGION else shown


def region_of(stored: str | None, region: str | None) -> str:
    """Returns the region of a bucket."""
    return _EU.get(stored or "", stored or "") or region or DEFAULT_REGION
