"""A slow, plain reading of AWS's documentation of policies, for tests to hold the server's own against.

It shares no line with it. It takes documents that are policies; values are texts or lists of texts.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from fractions import Fraction


def listed(value):
    return value if isinstance(value, list) else [value]


def like(pattern, text):
    """``pattern`` is a list of characters, a pair for one that means itself."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(like(rest, text[count:]) for count in range(len(text) + 1))
    return bool(text) and first in ("?", (text[0],), text[0]) and like(rest, text[1:])


def resolved(text, context, current):
    """The characters of a text with its variables; None where one has no value."""
    symbols = []
    while text:
        found = re.match(r"\$\{([^}]*)\}", text) if current else None
        if not found:
            symbols.append(text[0])
            text = text[1:]
            continue
        name, text = found[1], text[found.end() :]
        if name in ("*", "?", "$"):
            symbols.append((name,))
            continue
        key, comma, default = name.partition(",")
        values = listed(context.get(key.strip().lower(), []))
        value = values[0] if len(values) == 1 else default.strip().strip("'") if comma else None
        if value is None:
            return None
        symbols += [(character,) for character in value]
    return symbols


def plainly(symbols):
    return "".join(symbol[0] for symbol in symbols)


def text_matches(operator, wanted, given, context, current):
    symbols = resolved(wanted, context, current)
    if symbols is None:
        return False
    if operator.endswith("Like"):
        return like(symbols, given)
    if operator.endswith("IgnoreCase"):
        return plainly(symbols).lower() == given.lower()
    return plainly(symbols) == given


def arn_matches(wanted, given, context, current):
    left, right = wanted.split(":", 5), given.split(":", 5)
    if len(right) != 6:
        return False
    parts = [resolved(part, context, current) for part in left]
    return all(part is not None and like(part, text) for part, text in zip(parts, right, strict=True))


def ordered(operator, left, right):
    return {
        "Equals": left == right,
        "NotEquals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[operator]


def number(text):
    return Fraction(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) else None


def moment(text):
    """A time, or a number of seconds since 1970: the documentation takes both."""
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return Fraction(text)
    try:
        return Fraction(datetime.strptime(text.replace("Z", "+0000"), "%Y-%m-%dT%H:%M:%S%z").timestamp())
    except ValueError:
        return None


def value_matches(operator, wanted, given, context, current):
    """Whether a value is what is wanted, "Not" left out of account."""
    if operator.startswith("String"):
        return text_matches(operator, wanted, given, context, current)
    if operator.startswith("Arn"):
        return arn_matches(wanted, given, context, current)
    if operator.endswith("IpAddress"):
        try:
            return ipaddress.ip_address(given) in ipaddress.ip_network(wanted)
        except ValueError:
            return False
    if operator == "Bool":
        return wanted.lower() == given.lower()
    kind, read = ("Numeric", number) if operator.startswith("Numeric") else ("Date", moment)
    left, right = read(given), read(wanted)
    return left is not None and ordered(operator.removeprefix(kind), left, right)


def condition_holds(name, key, wanted, context, current):
    qualifier, _, operator = name.rpartition(":")
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    there = key.lower() in context
    if operator == "Null":
        return any(there != (text == "true") for text in listed(wanted))
    values = listed(context[key.lower()]) if there else []
    if qualifier:
        values = [value for value in values if value != ""]
    negated = "Not" in operator
    if not values:
        return if_exists or qualifier == "ForAllValues" or (negated and not qualifier)
    results = []
    for value in values:
        matched = any(value_matches(operator, text, value, context, current) for text in listed(wanted))
        results.append(not matched if negated else matched)
    if qualifier == "ForAllValues" or (negated and not qualifier):
        return False not in results
    return True in results


def element_matches(statement, name, test):
    if name in statement:
        return any(test(text) for text in listed(statement[name]))
    return not any(test(text) for text in listed(statement[f"Not{name}"]))


def statement_applies(statement, action, resource, context, current):
    def resource_matches(text):
        symbols = resolved(text, context, current)
        return symbols is not None and like(symbols, resource)

    return (
        element_matches(statement, "Action", lambda text: like(list(text.lower()), action.lower()))
        and element_matches(statement, "Resource", resource_matches)
        and all(
            condition_holds(name, key, wanted, context, current)
            for name, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def verdict(document, action, resource, context):
    """Returns Deny, Allow, or None."""
    current = document.get("Version") == "2012-10-17"
    effects = {
        statement["Effect"]
        for statement in listed(document["Statement"])
        if statement_applies(statement, action, resource, context, current)
    }
    return "Deny" if "Deny" in effects else "Allow" if effects else None
