"""``bucket_policies.json``: MyFSIO's policies of buckets, taken over at first start and when it changes.

What the file said last is noted in the database, so that of all processes one takes a change over, and so
that a policy that was put by a request since stays until the file says something else about its bucket.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s3portal.server.authority.bucket_policy import read_bucket_policy
from s3portal.server.bucket_settings import policy, public_access_block
from s3portal.server.storage import buckets, job_states
from s3portal.server.storage.records import Bucket
from s3portal.server.storage.storage import Storage
from s3portal.server.storage.watched_file import state_of
from s3portal.server.wire.json_documents import parse_json

_NOTED = "myfsio-bucket-policies"

log = logging.getLogger(__name__)


def take_over(storage: Storage, path: Path) -> Sequence[str]:
    """Gives buckets the policies that the file has for them, where it has changed since this was done last.
    Returns the names of buckets that are not there.

    Raises OSError, and ValueError where a policy cannot be taken over: none is then.
    """
    state = list(state_of(str(path)))
    noted = job_states.read(storage, _NOTED)
    if noted.get("state") == state:
        return ()
    policies = read_policies(path.read_text("utf-8"))
    there = {bucket.name: bucket for bucket in buckets.find_all(storage)}
    before: Mapping[str, Any] = noted.get("policies", {})
    changed = {name: document for name, document in policies.items() if document != before.get(name)}
    for name in changed.keys() & there.keys():
        _refuse_blocked(there[name], json.dumps(changed[name]))
    missing = sorted(policies.keys() - there.keys())
    if missing:
        log.warning("%s has policies of buckets that are not there: %s", path, ", ".join(missing))
    for name in changed.keys() & there.keys():
        buckets.put_setting(storage, name, policy.KIND, json.dumps(changed[name]))
    for name in before.keys() - policies.keys():
        found = there.get(name)
        # One that was put by a request since is not the file's to remove.
        if found is not None and _document_of(found) == before[name]:
            buckets.put_setting(storage, name, policy.KIND, None)
    taken = {name: document for name, document in policies.items() if name in there}
    job_states.write(storage, _NOTED, {"state": state, "policies": taken})
    return missing


def read_policies(text: str) -> dict[str, Any]:
    """Returns the documents of a file's text by the names of their buckets. Raises ValueError, with the
    bucket, for a policy that cannot be evaluated."""
    document = parse_json(text)
    found = document.get("policies") if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping):
        raise ValueError("policies must be an object")
    for name, one in found.items():
        try:
            read_bucket_policy(json.dumps(one), name)
        except ValueError as problem:
            raise ValueError(f"the policy of {name}: {problem}") from problem
    return dict(found)


def _refuse_blocked(bucket: Bucket, text: str) -> None:
    blocked = public_access_block.of_settings(bucket.settings).block_public_policy
    if blocked and policy.is_public(text):
        raise ValueError(f"the policy of {bucket.name} is a public one, which the bucket's block refuses")


def _document_of(bucket: Bucket) -> Any:
    text = bucket.settings.get(policy.KIND)
    return None if text is None else json.loads(text)
