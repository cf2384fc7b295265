"""One part on its way to the store: what happened is the answer, and retry.py decides about it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import urllib3

from s3portal.client.portal_uploads import SignedPart
from s3portal.client.waits import unreached
from s3portal.transfer import Failure, parse_retry_after

#: No byte moved for so long: the connection is dead, and the part is worth another try.
STALLED_AFTER_S = 45.0
#: All bytes are in the machine's buffers, which a slow line may take minutes to empty.
ANSWER_AFTER_S = 180.0


def put_part(
    pool: urllib3.PoolManager, part: SignedPart, blocks: Iterable[bytes], length_bytes: int
) -> urllib3.HTTPHeaderDict | Failure:
    """Sends the blocks, ``length_bytes`` together, and returns the headers of the store's answer.

    What ``blocks`` raises comes through, unless it is one of urllib3's own errors or an OSError.
    """
    try:
        response = pool.request(
            "PUT",
            part.url,
            body=blocks if length_bytes else b"",
            headers={**part.headers, "Content-Length": str(length_bytes)},
            retries=False,
            redirect=False,
            # urllib3 keeps the timeout of connecting while it sends.
            timeout=urllib3.Timeout(connect=STALLED_AFTER_S, read=ANSWER_AFTER_S),
        )
    except urllib3.exceptions.HTTPError as error:
        met = unreached(part.url, error)
        return Failure(0, met.code, str(met))
    if 200 <= response.status < 300:
        return response.headers
    text = response.data[:10_000].decode("utf-8", errors="replace")
    return Failure(
        status=response.status,
        code=_element(text, "Code"),
        message=_element(text, "Message") or response.reason or "",
        retry_after_s=parse_retry_after(response.headers.get("Retry-After")),
    )


def _element(xml: str, name: str) -> str:
    """The text of an element of S3's flat error documents."""
    match = re.search(f"<{name}>([^<]*)</{name}>", xml)
    return match[1] if match else ""
