"""A marker in the bucket, by which syncs on other machines notice this one.

It costs two requests and an object, so it is written where that is asked for; it is noticed always, since
every sync lists its target.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

from s3portal.buckets.direct import RequestFailed
from s3portal.buckets.problems import Refused
from s3portal.buckets.sharding import Shard
from s3portal.buckets.sync.claims import MARKER, Claim, claim_of, read_claim
from s3portal.buckets.sync.entries import Entry
from s3portal.buckets.sync.places import Prefix
from s3portal.buckets.sync.requests import Requests

#: How often a sync that is under way says so.
_RENEWED_EVERY_S = 300.0
#: What was not renewed for so long belongs to a sync that was killed.
_STALE_S = 3 * _RENEWED_EVERY_S


@contextlib.contextmanager
def announced(
    target: Prefix, shard: Shard, requests: Requests, told: Callable[[str], None]
) -> Iterator[None]:
    """Puts the marker, renews it, and takes it away at the end. Raises Refused where another sync has one,
    and RequestFailed."""
    key, body = target.key(MARKER), json.dumps(asdict(claim_of(target, shard))).encode()
    headers = {"content-type": "application/json"}
    try:
        etag = requests.put(key, body, {**headers, "if-none-match": "*"})
    except RequestFailed as error:
        if not error.changed_meanwhile:
            raise
        head = requests.head(key, "")
        there = head["etag"].strip('"')
        _require_stale(target, requests, Entry(MARKER, 0, _written_s(head["last-modified"]), there), told)
        etag = requests.put(key, body, {**headers, "if-match": f'"{there}"'})
    over = threading.Event()

    def renew() -> None:
        while not over.wait(_RENEWED_EVERY_S):
            # A marker that someone else has taken away or replaced is no longer ours to renew.
            with contextlib.suppress(RequestFailed):
                requests.put(key, body, {**headers, "if-match": f'"{etag}"'})

    renewing = threading.Thread(target=renew, name="s3portal-marker", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        with contextlib.suppress(RequestFailed):
            requests.send("DELETE", key, b"", {})


def notice(target: Prefix, requests: Requests, marker: Entry, told: Callable[[str], None]) -> None:
    """A marker that was listed. Raises Refused where it is that of a sync that is under way."""
    _require_stale(target, requests, marker, told)


def _require_stale(target: Prefix, requests: Requests, marker: Entry, told: Callable[[str], None]) -> None:
    claim = _read(target, requests)
    if claim is None:
        return
    if time.time() - marker.modified_s < _STALE_S and not _is_dead(claim):
        raise Refused(
            f"{target} is being synced by {claim}",
            f"wait until it is through; if it was killed:  s3portal rm {target}{MARKER}",
        )
    told(f"A sync of {target} by {claim} ended before it was through.")


def _read(target: Prefix, requests: Requests) -> Claim | None:
    try:
        with requests.get(target.key(MARKER), "") as answer:
            text = b"".join(bytes(block) for block in requests.blocks(answer))
    except RequestFailed as error:
        if error.failure.status == 404:
            return None
        raise
    return read_claim(text.decode("utf-8", "replace"))


def _is_dead(claim: Claim) -> bool:
    """Whether it was a process of this machine that is no more."""
    if claim.host != socket.gethostname():
        return False
    try:
        os.kill(claim.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _written_s(text: str) -> float:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text).timestamp()
