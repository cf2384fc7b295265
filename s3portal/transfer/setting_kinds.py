"""The kinds of setting: each reads a text from a configuration file, or says why it cannot."""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from s3portal.transfer.sizes import parse_size


@dataclass(frozen=True)
class Kind:
    """One kind of value. ``parse`` raises ValueError with words that read on after the setting's name."""

    name: str
    parse: Callable[[str], Any]


def choice(*choices: str) -> Kind:
    """One of these words."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            alike = most_alike(text, choices)
            meant = f"; did you mean {alike}?" if alike else ""
            raise ValueError(f"is not one of: {', '.join(choices)}{meant}")
        return text.lower()

    return Kind("choice", parse)


def most_alike(word: str, words: Iterable[str]) -> str | None:
    """The one of ``words`` that a misspelt ``word`` may have meant, None where none looks like it."""
    return next(iter(difflib.get_close_matches(word.lower(), sorted(words), n=1)), None)


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError("is not a whole number")
    return int(text)


_SECONDS_IN = {
    "s": 1,
    "second": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "h": 3600,
    "day": 86400,
    "d": 86400,
}


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})\s*([A-Za-z]*)", text)
    unit = match[2].lower() if match else ""
    unit = unit if unit in _SECONDS_IN else unit.removesuffix("s") or "s"
    if match is None or unit not in _SECONDS_IN:
        raise ValueError("is not a time: write a number of seconds, or a unit as in 15 minutes or 7 days")
    return int(match[1]) * _SECONDS_IN[unit]


_TRUTHS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError("is not a yes or no: write true or false")
    return _TRUTHS[text.lower()]


def _url(text: str) -> str:
    parts = urlsplit(text)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable or re.search(r"[\s\"<>\\]", text):
        raise ValueError("is not a URL: write it as in https://s3.example.org")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("has more than a scheme, a host, a port and a path")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def _arn(text: str) -> str:
    if not re.fullmatch(r"arn:[a-z0-9-]+:iam::[A-Za-z0-9_-]*:role/\S+", text):
        raise ValueError("is not the ARN of a role: write it as in arn:aws:iam::123456789012:role/uploads")
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TEXT = Kind("text", str)
INTEGER = Kind("integer", _integer)
BYTES = Kind("bytes", parse_size)
SECONDS = Kind("seconds", _seconds)
WORDS = Kind("words", _words)
BOOLEAN = Kind("boolean", _boolean)
URL = Kind("url", _url)
ARN = Kind("arn", _arn)
