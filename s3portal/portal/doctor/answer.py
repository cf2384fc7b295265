"""An answer as it came: not followed where it redirects, not repeated where it failed."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Answer:
    """What a server said. ``headers`` are in their order, with those that came twice; ``body`` may be cut.

    ``asked_at`` is this computer's clock in the middle between sending and receiving.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    asked_at: datetime

    @property
    def is_success(self) -> bool:
        return 200 <= self.status <= 299 and not self.code

    @property
    def code(self) -> str:
        """S3's code of the error, such as ``NoSuchKey``; "" where there is none."""
        return self.error_fact("Code") if b"<Error" in self.body else ""

    @property
    def message(self) -> str:
        """S3's own sentence about the error."""
        return self.error_fact("Message")

    def error_fact(self, name: str) -> str:
        """An element of S3's flat error document, "" where it is not there."""
        match = re.search(rb"<%s>([^<]*)</%s>" % (name.encode(), name.encode()), self.body)
        return html.unescape(match[1].decode("utf-8", "replace")).strip() if match else ""

    def header(self, name: str) -> str | None:
        """The values of a header, joined; None where it is not there."""
        values = [value for each, value in self.headers if each.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def server_time(self) -> datetime | None:
        """The server's clock, as far as the answer tells it."""
        if told := self.error_fact("ServerTime"):
            return _parsed(lambda: datetime.fromisoformat(told.replace("Z", "+00:00")))
        date = self.header("Date") or ""
        return _parsed(lambda: parsedate_to_datetime(date)) if date else None

    @property
    def ahead_s(self) -> float | None:
        """How many seconds this computer's clock is ahead of the server's; None where that is not known."""
        server_time = self.server_time
        return None if server_time is None else (self.asked_at - server_time).total_seconds()

    @property
    def named_region(self) -> str:
        """The region that the answer says is the bucket's, "" for none."""
        if region := self.error_fact("Region") or (self.header("x-amz-bucket-region") or ""):
            return region
        match = re.search(r"expecting '([A-Za-z0-9-]+)'", self.message)
        return match[1] if match else ""


def _parsed(parse: Callable[[], datetime]) -> datetime | None:
    try:
        moment = parse()
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
