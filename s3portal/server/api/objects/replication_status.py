"""x-amz-replication-status: how far a version has got to its targets, or that it is a replica itself.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html
"""

from __future__ import annotations

from s3portal.server.api.objects.object_headers import replica_header
from s3portal.server.bucket_settings import replication
from s3portal.server.gateway.call import Call
from s3portal.server.storage import replication_backlog
from s3portal.server.storage.records import StoredObject
from s3portal.server.storage.replicas import STATUS_HEADER
from s3portal.server.wire.tag_sets import stored_tags


def replication_header(call: Call, found: StoredObject) -> dict[str, str]:
    """Returns the header for an object that is read; none where no replication is about it."""
    replica = replica_header(found.headers)
    bucket = call.bucket_row.find()
    if replica or bucket is None or replication.KIND not in bucket.settings:
        return replica
    rules = replication.read(bucket.settings[replication.KIND]).rules
    if not replication.chosen_rules(rules, found.key, stored_tags(found.tags)):
        return {}
    status = replication_backlog.status_of(call.storage, bucket.bucket_id, found.key, found.version_id)
    return {} if status is None else {STATUS_HEADER: status}
