"""Values of headers, parameters and elements from outside: bounded, and ASCII where a protocol means ASCII.

Python's own str.strip, str.split, isdecimal and int also know the white space and the digits of other
alphabets, and the bytes 0x85 and 0xA0, which are halves of letters in UTF-8.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache

# RFC 9110, 5.6.3: optional white space.
BLANKS = " \t"
# 2**63 has 19 digits; no size, count or time comes near.
_WHOLE_NUMBER = re.compile(r"0*([0-9]{1,18})")
# The longest form of an HTTP date, RFC 850's, has 33 characters.
_DATE_LIMIT = 64


def whole_number(text: str | None) -> int | None:
    """Returns the number that a text of ASCII digits spells; None for any other text, and over 18 digits."""
    match = _WHOLE_NUMBER.fullmatch(text or "")
    return int(match[1]) if match else None


def list_of(header: str | None) -> list[str]:
    """Returns the members of a list separated by commas, without those that are empty (RFC 9110, 5.6.1)."""
    members = (member.strip(BLANKS) for member in (header or "").split(","))
    return [member for member in members if member]


def parse_date(text: str | None) -> int | None:
    """Returns an HTTP date in seconds since 1970; None for none, or one that cannot be read (RFC 9110)."""
    if not text or len(text) > _DATE_LIMIT:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return int(moment.timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        # Each of them is what the library raises for some text that is no date.
        return None


@lru_cache(maxsize=4096)
def http_date(moment_s: int) -> str:
    """Returns a time in seconds since 1970 as an HTTP date."""
    moment = datetime.fromtimestamp(moment_s, timezone.utc)
    # Not strftime: its names of days and months follow the locale.
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day}, {moment.day:02d} {months[moment.month - 1]} {moment.year} {moment:%H:%M:%S} GMT"
