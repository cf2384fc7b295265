"""How long the store takes: told to an observer for each call of a client, with its retries.

botocore says when a call begins and ends by events; a call that is made of several requests (a redirect, a
retry) is one.
"""

import time
from collections.abc import Callable
from typing import Any

#: Hears the operation, as in ``HeadObject``; the seconds it took; and whether the store answered, rather than
#: failed (a status of 500 or above) or was not reached. A refusal, such as 404, is an answer.
Observer = Callable[[str, float, bool], None]

_BEGUN = "s3portal_begun"
_LEAST_FAILURE = 500


def tell_call_times(client: Any, observer: Observer) -> None:
    """Has the observer hear of every call of a boto3 client. What it raises reaches the caller."""
    service = client.meta.service_model.service_id.hyphenize()

    def begin(context: dict[str, Any], **_: Any) -> None:
        context[_BEGUN] = time.monotonic()

    def end(http_response: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        _tell(model.name, context, http_response.status_code < _LEAST_FAILURE)

    def fail(context: dict[str, Any], event_name: str, **_: Any) -> None:
        _tell(event_name.rsplit(".", 1)[-1], context, False)

    def _tell(operation: str, context: dict[str, Any], answered: bool) -> None:
        if (begun := context.get(_BEGUN)) is not None:
            observer(operation, time.monotonic() - begun, answered)

    events = client.meta.events
    events.register(f"before-call.{service}", begin)
    events.register(f"after-call.{service}", end)
    events.register(f"after-call-error.{service}", fail)
