"""Aborts at a target what was begun there and is continued by nobody: the uploads of rules and buckets that
are gone."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from s3portal.server.background.replication.errors import Refused, Stopping, TargetDown
from s3portal.server.storage import replication_connections
from s3portal.server.storage import replication_ended_uploads as ended_uploads
from s3portal.server.storage.replication_ended_uploads import EndedUpload
from s3portal.server.storage.storage import Storage, now_ms

if TYPE_CHECKING:
    from s3portal.server.background.replication.client import TargetClient

RETRY_MS = 300_000
#: After this time a target that is down, or refuses, is left to its own rules for unfinished uploads.
PATIENCE_MS = 7 * 24 * 3600 * 1000

log = logging.getLogger(__name__)


def abort_ended(storage: Storage, name: str, client: TargetClient, stopping: threading.Event) -> None:
    """Aborts the uploads at the target of a connection. What does not work is tried again later, and given up
    after a week; a connection that was kept for them alone is forgotten."""
    done: list[EndedUpload] = []
    postponed: list[EndedUpload] = []
    for upload in ended_uploads.due(storage, name, now_ms()):
        if stopping.is_set():
            break
        try:
            client.abort({"Bucket": upload.bucket, "Key": upload.key}, upload.upload_id)
        except Stopping:
            break
        except (Refused, TargetDown) as problem:
            is_given_up = now_ms() - upload.ended_at > PATIENCE_MS
            log.warning(
                "the upload %s of %s in %s at %s is not aborted%s: %s",
                upload.upload_id,
                upload.key,
                upload.bucket,
                name,
                ", and stays there" if is_given_up else "",
                problem,
            )
            (done if is_given_up else postponed).append(upload)
            if isinstance(problem, TargetDown):
                break
        else:
            done.append(upload)
    if done or postponed:
        ended_uploads.settle(storage, done, postponed, now_ms() + RETRY_MS)
        replication_connections.forget_removed(storage)
