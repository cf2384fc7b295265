"""What the doctor says of webhooks: who is not told."""

from collections.abc import Iterator

from ckanext.s3multipart.outbox.event_model import DeliveryState
from ckanext.s3multipart.outbox.kept_events import count_deliveries, kept_deliveries
from ckanext.s3multipart.settings import PREFIX, webhook_settings
from s3portal.portal.findings import LOOK, OK, WRONG, Finding, some

_PLACE = PREFIX + "webhooks"
_MOST_NAMED = 3


def examine_webhooks() -> Iterator[Finding]:
    """Looks at what waits and what was given up. Sends nothing: receivers would take a trial for an event."""
    urls = webhook_settings().webhooks
    counted = count_deliveries()
    if given_up := counted[DeliveryState.GIVEN_UP]:
        errors = kept_deliveries([DeliveryState.GIVEN_UP], _MOST_NAMED)
        named = some([f"{each.url}: {each.last_error}" for each in errors], _MOST_NAMED, "; ")
        mend = "see ckan s3multipart webhooks list, then ckan s3multipart webhooks retry"
        yield Finding(_PLACE, "events", WRONG, f"{given_up:,} could not be delivered: {named}", mend)
    failing = [each for each in kept_deliveries([DeliveryState.WAITING], 1000) if each.attempts > 1]
    if failing:
        named = f"{failing[0].url}: {failing[0].last_error}"
        mend = "see ckan s3multipart webhooks list"
        yield Finding(_PLACE, "receivers", LOOK, f"{len(failing):,} events are sent again: {named}", mend)
    elif urls and not given_up:
        yield Finding(_PLACE, "receivers", OK, f"{len(urls)} are told what happens")
    if plain := [url for url in urls if url.startswith("http://")]:
        text = f"{len(plain)} have no https, so others can read what they are told"
        yield Finding(_PLACE, "encryption", LOOK, text, "use https, unless they are on this machine")
