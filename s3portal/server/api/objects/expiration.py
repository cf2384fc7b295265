"""What answers say of the end that a bucket's lifecycle rules put to an object or an upload."""

from __future__ import annotations

import json

from s3portal.server.bucket_settings import lifecycle
from s3portal.server.bucket_settings.lifecycle_dates import abort_headers, expiration_header
from s3portal.server.gateway.call import Call
from s3portal.server.storage.records import StoredObject, Upload


def expiration_headers(call: Call, found: StoredObject) -> dict[str, str]:
    """Returns ``x-amz-expiration`` for a current version that a rule will end."""
    rules = call.bucket_row.require().settings.get(lifecycle.KIND)
    if rules is None:
        return {}
    tags = json.loads(found.tags) if found.tags else {}
    return expiration_header(lifecycle.read(rules), found.key, found.size_bytes, tags, found.modified_at)


def upload_headers(call: Call, upload: Upload) -> dict[str, str]:
    """Returns when an upload is aborted that a rule will abort."""
    rules = call.bucket_row.require().settings.get(lifecycle.KIND)
    return {} if rules is None else abort_headers(lifecycle.read(rules), upload.key, upload.initiated_at)
