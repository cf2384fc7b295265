"""The rounds in which webhooks are sent: by a background job after each event, by the janitor, and by
`ckan s3multipart webhooks deliver`. No page and no call waits for a receiver."""

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import ckan.plugins.toolkit as tk
from ckan.lib import jobs

from ckanext.s3multipart.model import now
from ckanext.s3multipart.outbox.claims import claim, delivered, failed, next_due
from ckanext.s3multipart.outbox.event_model import DeliveryState
from ckanext.s3multipart.outbox.recording import WEBHOOK
from ckanext.s3multipart.outbox.webhooks import WebhookFailed, endpoints, send
from ckanext.s3multipart.settings import webhook_settings

log = logging.getLogger(__name__)

#: CKAN stops jobs after 180 s, and one answer may take 20 s.
_ROUND_S = 120.0
#: A receiver that failed so often is left alone for the rest of a round: the others do not wait for it.
_MOST_FAILURES = 3
_SOONEST = timedelta(seconds=5)


@dataclass
class Sent:
    """What one round did, in numbers of deliveries."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


def send_waiting(within_s: float = _ROUND_S) -> Sent:
    """Sends what is due. Safe to run at any time and on several machines at once."""
    known, failures, sent = endpoints(), Counter[str](), Sent()
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        resting = [target for target, count in failures.items() if count >= _MOST_FAILURES]
        due = claim(of_target=WEBHOOK, besides=resting)
        if due is None:
            break
        endpoint = known.get(due.target)
        if endpoint is None:
            failed(due, "it is no longer in the settings", give_up_after=timedelta(0))
            sent.given_up += 1
            continue
        try:
            send(due, endpoint)
        except WebhookFailed as error:
            failures[due.target] += 1
            give_up_after = timedelta(seconds=webhook_settings().webhook_give_up)
            state = failed(due, str(error), give_up_after=give_up_after)
            sent.failed += state == DeliveryState.WAITING
            sent.given_up += state == DeliveryState.GIVEN_UP
            _log(state, due.kind, due.event_id, due.target, error)
        else:
            delivered(due)
            sent.delivered += 1
    return sent


def queue_webhooks() -> None:
    """Asks for a round in the background. Without Redis, the janitor makes it."""
    try:
        tk.enqueue_job(send_in_background, title="s3multipart: webhooks")
    except Exception as error:  # noqa: BLE001  # whatever Redis and its clients raise
        log.warning("No background job for webhooks, the janitor sends them: %s", error)


def send_in_background() -> None:
    """The background job. Where a receiver failed, another one is asked for when it is to be tried again."""
    send_waiting()
    moment = next_due(WEBHOOK)
    if moment is not None:
        _queue_at(max(moment, now() + _SOONEST))


def _queue_at(moment: datetime) -> None:
    # Workers of earlier versions have no scheduler: there the janitor tries again, or a cron job.
    if not tk.check_ckan_version(min_version="2.12"):
        return
    try:
        # One for each minute, however many jobs ask for it.
        jobs.get_queue().enqueue_at(
            moment, send_in_background, job_id=f"s3multipart-webhooks-{moment:%Y%m%d%H%M}"
        )
    except Exception as error:  # noqa: BLE001  # whatever Redis and its clients raise
        log.warning("Webhooks are tried again by the janitor: %s", error)


def _log(state: DeliveryState, kind: str, event_id: str, target: str, error: WebhookFailed) -> None:
    ending = "is given up" if state == DeliveryState.GIVEN_UP else "is sent again later"
    log.warning("%s %s to %s %s: %s", kind, event_id, target, ending, error)
