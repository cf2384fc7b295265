"""How a boto3 client obeys the deadline of the thread that uses it (deadlines.py).

Apart from it, since loading urllib3 and botocore's requests takes longer than a short command does.
"""

import logging
from collections.abc import Iterator
from typing import Any

import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from s3portal.transfer.deadlines import DeadlineReached, time_left_s

logger = logging.getLogger(__name__)

# Within a deadline the store may be silent for so long: a store that puts an object together sends blanks.
_LONGEST_SILENCE_S = 30.0
# Less is not worth another request.
_LEAST_FOR_A_TRY_S = 0.25
# botocore's standard retry mode waits up to 1, 2, 4 … seconds, and never longer than this.
_LONGEST_BACKOFF_S = 20
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


def obey_deadlines(client: Any) -> None:
    """Has every request of a boto3 client obey the deadline of the thread that makes it."""
    service = client.meta.service_model.service_id.hyphenize()
    http_session = client._endpoint.http_session
    _time_by_deadline(http_session)

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        return _send(http_session, request)

    client.meta.events.register_first(f"before-send.{service}", send)
    client.meta.events.register_first(f"needs-retry.{service}", _stop_retries)


class _TimeoutByDeadline(urllib3.Timeout):
    """The timeouts of a pool of connections; urllib3 makes a clone for each request."""

    def clone(self) -> urllib3.Timeout:
        left_s = time_left_s()
        if left_s is None:
            return super().clone()
        left_s = max(left_s, _LEAST_FOR_A_TRY_S)
        return urllib3.Timeout(
            connect=_sooner(self._connect, left_s),
            read=_sooner(self._read, min(left_s, _LONGEST_SILENCE_S)),
            total=left_s,
        )


def _sooner(timeout_s: Any, left_s: float) -> float:
    return min(timeout_s, left_s) if isinstance(timeout_s, (int, float)) else left_s


def _time_by_deadline(http_session: Any) -> None:
    """Replaces the fixed timeouts of botocore's connections, for which botocore has no public way.

    Should its attributes have other names one day, the deadline still stops retries and further requests, and
    each request has the client's own timeout.
    """
    try:
        fixed, pools = http_session._timeout, http_session._manager.connection_pool_kw
        timeout = _TimeoutByDeadline(connect=fixed._connect, read=fixed._read)
    except AttributeError:
        logger.warning(
            "This version of botocore keeps its timeouts elsewhere: a request to a store that hangs may take"
            " longer than its deadline"
        )
        return
    # For connections through a proxy, which are made later, and for those that are not.
    http_session._timeout = timeout
    pools["timeout"] = timeout


def _send(http_session: Any, request: AWSPreparedRequest) -> AWSResponse | None:
    """The answer to the request, read to its end before the deadline; None leaves sending to botocore."""
    left_s = time_left_s()
    if left_s is None:
        return None
    if left_s < _LEAST_FOR_A_TRY_S:
        raise DeadlineReached(endpoint_url=request.url)
    if request.stream_output:
        return None
    # Otherwise botocore reads on as long as anything arrives, and a store may send blanks for many minutes.
    request.stream_output = True
    response = http_session.send(request)
    return AWSResponse(response.url, response.status_code, response.headers, _read(response.raw, request.url))


class _ReadBody:
    """The body of an answer, read already."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def stream(self) -> Iterator[bytes]:
        """The body in pieces, as urllib3's responses have it."""
        return iter(self._chunks)


def _read(raw: Any, url: str) -> _ReadBody:
    chunks: list[bytes] = []
    try:
        for chunk in raw.stream():
            chunks.append(chunk)
            if not time_left_s():
                raw.close()
                break
        else:
            return _ReadBody(chunks)
    except urllib3.exceptions.TimeoutError as error:
        raise ReadTimeoutError(endpoint_url=url, error=error) from error
    except urllib3.exceptions.HTTPError as error:
        raise ConnectionClosedError(endpoint_url=url, error=error) from error
    raise ReadTimeoutError(endpoint_url=url)


def _stop_retries(
    response: tuple[Any, dict[str, Any]] | None,
    attempts: int,
    caught_exception: Exception | None,
    operation: Any,
    **_: Any,
) -> None:
    """Raises the error of the last try where the next one would come too late. A handler of botocore's
    ``needs-retry``: None leaves the decision to those that come after it."""
    left_s = time_left_s()
    longest_wait_s = min(2 ** (attempts - 1), _LONGEST_BACKOFF_S)
    if left_s is None or left_s >= longest_wait_s + _LEAST_FOR_A_TRY_S:
        return
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code in _RETRIED_STATUSES:
        raise ClientError(response[1], operation.name)  # type: ignore[arg-type]
