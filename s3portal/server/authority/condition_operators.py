"""The operators of conditions: each compares a value of a request with one that a policy wants.

Pure. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from s3portal.server.authority.policy_patterns import Context, PolicyError, TextTest, text_test

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_TEXT_LIMIT = 64
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = re.compile(
    rf"({_DAY})(?:T([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}})?)?)(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?"
)
_EPOCH = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")
_BOOLEANS = {"true": True, "false": False}
_ARN_PARTS = 6


def is_operator(name: str) -> bool:
    """Whether there is an operator of this name, without set qualifier and IfExists."""
    return name in _MAKERS


def is_negated(name: str) -> bool:
    """Whether an operator holds where its positive one does not."""
    return "Not" in name


def comparison(name: str, wanted: Any, *, variables: bool) -> TextTest:
    """Returns the test whether a request's value is what a policy wants; of a negated operator, the test of
    its positive one.

    Raises PolicyError for a value that the operator cannot compare with.
    """
    return _MAKERS[name](name, wanted, variables)


def boolean_of(value: Any) -> bool:
    """``true`` or ``"true"``. Raises PolicyError."""
    found = value if isinstance(value, bool) else _BOOLEANS.get(str(value).lower())
    if found is None:
        raise PolicyError("it must be compared with true or false")
    return found


def _string(name: str, wanted: Any, variables: bool) -> TextTest:
    if not isinstance(wanted, str):
        raise PolicyError(f"{name} compares with strings, not with {wanted!r}")
    return text_test(
        wanted, variables=variables, wildcards=name.endswith("Like"), ignore_case=name.endswith("IgnoreCase")
    )


def _arn(name: str, wanted: Any, variables: bool) -> TextTest:
    """Each of the six parts is compared separately, so that a ``*`` does not reach into the next one."""
    if not isinstance(wanted, str):
        raise PolicyError(f"{name} compares with ARNs, not with {wanted!r}")
    parts = _parts_of_arn(wanted)
    if parts is None and wanted != "*":
        raise PolicyError(f"{wanted!r} is not an ARN")
    tests = [text_test(part, variables=variables) for part in parts or ["*"] * _ARN_PARTS]

    def matches(value: str, context: Context) -> bool:
        given = value.split(":", _ARN_PARTS - 1)
        return len(given) == _ARN_PARTS and all(
            test(part, context) for test, part in zip(tests, given, strict=True)
        )

    return matches


def _parts_of_arn(text: str) -> list[str] | None:
    """Splits at colons that are not inside a variable, as of ``${aws:username}``."""
    parts = re.split(r":(?![^${}]*\})", text, maxsplit=_ARN_PARTS - 1)
    return parts if len(parts) == _ARN_PARTS and parts[0] in ("arn", "*") else None


def _numeric(name: str, wanted: Any, variables: bool) -> TextTest:
    number = None if isinstance(wanted, bool) else _number_of(str(wanted))
    if number is None:
        raise PolicyError(f"{name} compares with numbers, not with {wanted!r}")
    return _ordered(name.removeprefix("Numeric"), _number_of, number)


def _date(name: str, wanted: Any, variables: bool) -> TextTest:
    moment = None if isinstance(wanted, bool) else _moment_of(str(wanted))
    if moment is None:
        raise PolicyError(
            f"{name} compares with times like 2026-12-31T12:00:00Z or seconds since 1970, not with {wanted!r}"
        )
    return _ordered(name.removeprefix("Date"), _moment_of, moment)


def _ordered(order: str, read: Callable[[str], Any], wanted: Any) -> TextTest:
    compare = _ORDER[order]

    def matches(value: str, context: Context) -> bool:
        given = read(value)
        return given is not None and compare(given, wanted)

    return matches


def _number_of(text: str) -> Decimal | None:
    if len(text) > _TEXT_LIMIT or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _moment_of(text: str) -> float | None:
    """Returns an ISO 8601 time (W3C's profile of it), or a number of seconds, in seconds since 1970."""
    if len(text) > _TEXT_LIMIT:
        return None
    if _EPOCH.fullmatch(text) and not re.fullmatch(r"[0-9]{4}", text):
        return float(text)
    if re.fullmatch(r"[0-9]{4}(-[0-9]{2})?", text):
        text += "-01" if len(text) == len("2026-12") else "-01-01"
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    day, time, zone = found[1], found[2] or "00:00", found[3] or "Z"
    clock, _, fraction = time.partition(".")
    clock += ":00" * (clock.count(":") == 1)
    zone = zone.replace(":", "")
    try:
        moment = datetime.strptime(f"{day}T{clock}{zone}", "%Y-%m-%dT%H:%M:%S%z")
        return moment.astimezone(timezone.utc).timestamp() + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError):
        return None


def _bool(name: str, wanted: Any, variables: bool) -> TextTest:
    right = boolean_of(wanted)
    return lambda value, context: _BOOLEANS.get(value.lower()) is right


def _binary(name: str, wanted: Any, variables: bool) -> TextTest:
    """Both are Base64; what counts are the bytes."""
    right = _bytes_of(wanted) if isinstance(wanted, str) else None
    if right is None:
        raise PolicyError(f"{name} compares with Base64, not with {wanted!r}")
    return lambda value, context: _bytes_of(value) == right


def _bytes_of(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _ip_address(name: str, wanted: Any, variables: bool) -> TextTest:
    network = _network_of(wanted) if isinstance(wanted, str) else None
    if network is None:
        raise PolicyError(f"{name} compares with addresses like 203.0.113.0/24, not with {wanted!r}")

    def matches(value: str, context: Context) -> bool:
        address = address_of(value)
        return address is not None and address.version == network.version and address in network

    return matches


def _network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Returns an address; that of IPv4 where IPv6 only carries it (``::ffff:192.0.2.1``)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


_MAKERS: dict[str, Callable[[str, Any, bool], TextTest]] = {
    **dict.fromkeys(
        (f"String{n}{kind}" for n in ("", "Not") for kind in ("Equals", "EqualsIgnoreCase", "Like")), _string
    ),
    **dict.fromkeys((f"Arn{n}{kind}" for n in ("", "Not") for kind in ("Equals", "Like")), _arn),
    **{f"Numeric{order}": _numeric for order in _ORDER},
    **{f"Date{order}": _date for order in _ORDER},
    "Bool": _bool,
    "BinaryEquals": _binary,
    "IpAddress": _ip_address,
    "NotIpAddress": _ip_address,
}
