"""Writing down what happened, in the transaction in which it happens: what is rolled back is told to nobody,
and what is committed is told even if this process dies."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from ckan import model

from ckanext.s3multipart.extending.plugin_calls import implementations
from ckanext.s3multipart.interfaces import UploadedFile
from ckanext.s3multipart.model import now
from ckanext.s3multipart.outbox.event_model import Delivery, DeliveryState, Event
from ckanext.s3multipart.settings import webhook_settings
from s3portal.transfer import DeclaredState

#: What targets begin with.
PLUGIN = "plugin "
WEBHOOK = "webhook "
#: Where a session keeps the events of its transaction.
RECORDED = "s3multipart_recorded"


class Kind(DeclaredState):
    """What can happen to a file."""

    #: All of it is at the store and was accepted; a resource can be saved with it.
    UPLOAD_COMPLETED = "upload.completed"
    #: It is at the store and was not accepted.
    UPLOAD_REFUSED = "upload.refused"
    #: It became the file of a resource that had none.
    FILE_ATTACHED = "file.attached"
    #: It became the file of a resource in the place of another one.
    FILE_REPLACED = "file.replaced"
    #: It was the file of a resource, and its object is gone.
    FILE_REMOVED = "file.removed"
    #: The scanner found a virus in it.
    SCAN_INFECTED = "scan.infected"


#: Which method of plugins is called of what.
PLUGIN_METHODS: Mapping[str, str] = {
    Kind.FILE_ATTACHED: "after_attach",
    Kind.FILE_REPLACED: "after_attach",
    Kind.FILE_REMOVED: "after_remove",
}


def record_event(kind: Kind, file: UploadedFile, connection: Any = None, **facts: str) -> str | None:
    """Writes the event for everybody who is told of its kind; returns its id, None where there is nobody.

    With a ``connection``, in its transaction, and the caller has it delivered after that; without, in the
    session's, and it is delivered after the commit. ``facts`` are told besides the file.
    """
    targets = _targets(kind)
    if not targets:
        return None
    moment, event_id = now(), str(uuid.uuid4())
    database = connection if connection is not None else model.Session
    body = json.dumps({"file": asdict(file), "facts": facts})
    database.execute(
        Event.__table__.insert().values(id=event_id, kind=str(kind), body=body, happened_at=moment)
    )
    for target in targets:
        database.execute(
            Delivery.__table__.insert().values(
                event_id=event_id,
                target=target,
                subject=file.resource_id,
                state=str(DeliveryState.WAITING),
                next_at=moment,
                updated_at=moment,
            )
        )
    if connection is None:
        model.Session().info.setdefault(RECORDED, []).append(event_id)
    return event_id


def target_of_url(url: str) -> str:
    """The target of deliveries to a webhook: its URL without the query, which may have a token in it, and yet
    another one for each URL."""
    parts = urlsplit(url)
    return f"{WEBHOOK}{parts.scheme}://{parts.netloc}{parts.path}#{sha256(url.encode()).hexdigest()[:8]}"


def _targets(kind: Kind) -> list[str]:
    method = PLUGIN_METHODS.get(kind)
    plugins = [PLUGIN + each.plugin for each in implementations(method)] if method else []
    return plugins + [target_of_url(url) for url in webhook_settings().webhooks]
