"""S3's event documents, made of lines of the journal.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote_plus

from s3portal.server.storage.records import NULL_VERSION, Bucket, Change

DEFAULT_REGION = "us-east-1"


def event_document(change: Change, bucket: Bucket, rule_id: str, region: str | None) -> str:
    """Returns the JSON of one event. Who asked and from where is not in the journal, and so not here."""
    moment = datetime.fromtimestamp(change.at / 1000, timezone.utc)
    described: dict[str, Any] = {"key": quote_plus(change.key or "")}
    if change.size_bytes is not None:
        described["size"] = change.size_bytes
    if change.etag is not None:
        described["eTag"] = change.etag
    if change.version_id not in (None, NULL_VERSION):
        described["versionId"] = change.version_id
    # Of two events of one key the later one has the larger sequencer, as text.
    described["sequencer"] = f"{change.sequence:016X}"
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region or DEFAULT_REGION,
        "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z",
        "eventName": change.event,
        "userIdentity": {"principalId": bucket.owner},
        "requestParameters": {},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": bucket.owner},
                "arn": f"arn:aws:s3:::{bucket.name}",
            },
            "object": described,
        },
    }
    return json.dumps({"Records": [record]}, separators=(",", ":"))
