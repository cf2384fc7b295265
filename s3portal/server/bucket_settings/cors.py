"""Bucket CORS: the rules, as XML and as JSON, and what they answer to a browser.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

from s3portal.server.http.values import list_of, whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import document, element, field, refuse_unknown_children

RULES_LIMIT = 100
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
_LISTS = {
    "AllowedOrigins": "AllowedOrigin",
    "AllowedMethods": "AllowedMethod",
    "AllowedHeaders": "AllowedHeader",
    "ExposeHeaders": "ExposeHeader",
}


@dataclass(frozen=True)
class CorsRule:
    """One rule. Origins and headers may hold one ``*`` each."""

    allowed_origins: tuple[str, ...]
    allowed_methods: tuple[str, ...]
    allowed_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_s: int | None = None
    rule_id: str | None = None

    def allows(self, origin: str, method: str, header_names: Iterable[str]) -> bool:
        return (
            method in self.allowed_methods
            and any(_matches(pattern, origin) for pattern in self.allowed_origins)
            and all(
                any(_matches(pattern.lower(), name.lower()) for pattern in self.allowed_headers)
                for name in header_names
            )
        )

    def answer_headers(self, origin: str) -> dict[str, str]:
        """Returns the headers of an actual answer; S3 names the methods and the age in it, too."""
        any_origin = "*" in self.allowed_origins
        headers = {"Access-Control-Allow-Origin": "*" if any_origin else origin, "Vary": VARY}
        if not any_origin:
            headers["Access-Control-Allow-Credentials"] = "true"
        if self.expose_headers:
            headers["Access-Control-Expose-Headers"] = ", ".join(self.expose_headers)
        headers["Access-Control-Allow-Methods"] = ", ".join(self.allowed_methods)
        if self.max_age_s is not None:
            headers["Access-Control-Max-Age"] = str(self.max_age_s)
        return headers

    def preflight_headers(self, origin: str, header_names: Sequence[str]) -> dict[str, str]:
        """Returns the headers of the answer to a preflight that this rule allows."""
        headers = self.answer_headers(origin)
        if header_names:
            headers["Access-Control-Allow-Headers"] = ", ".join(name.lower() for name in header_names)
        return headers


def first_match(
    rules: Iterable[CorsRule], origin: str, method: str, header_names: Iterable[str] = ()
) -> CorsRule | None:
    """Returns the first rule that allows a cross-origin request, or None."""
    names = list(header_names)
    return next((rule for rule in rules if rule.allows(origin, method, names)), None)


def preflight(rules: Sequence[CorsRule], headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers that answer a browser's preflight; raises AccessForbidden where no rule does."""
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if not origin:
        raise S3Error("InvalidRequest", "Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise S3Error("InvalidRequest", f"Invalid Access-Control-Request-Method: {method}")
    if not rules:
        raise S3Error("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
    names = list_of(headers.get("access-control-request-headers"))
    rule = first_match(rules, origin, method, names)
    if rule is None:
        raise S3Error(
            "AccessForbidden",
            "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of "
            "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are "
            "not whitelisted by the resource's CORS spec.",
        )
    return rule.preflight_headers(origin, names)


def rules_of_json(rules: Any) -> list[CorsRule]:
    """Returns rules written as in the AWS console: a list of objects with AllowedOrigins and so on.

    Raises ValueError, whose message says why.
    """
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise ValueError("CORS rules must be a list of objects")
    read = []
    for rule in rules:
        unknown = set(rule) - {*_LISTS, "MaxAgeSeconds", "ID"}
        if unknown:
            raise ValueError(f"unknown field in a CORS rule: {', '.join(sorted(unknown))}")
        for name in _LISTS:
            values = rule.get(name, [])
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise ValueError(f"{name} must be a list of strings")
        max_age_s = rule.get("MaxAgeSeconds")
        if max_age_s is not None and not isinstance(max_age_s, int):
            raise ValueError("MaxAgeSeconds must be a whole number")
        origins, methods, headers, exposed = (tuple(rule.get(name, ())) for name in _LISTS)
        read.append(_checked(CorsRule(origins, methods, headers, exposed, max_age_s, rule.get("ID"))))
    return read


def rules_to_json(rules: Iterable[CorsRule]) -> str:
    """Returns the rules in the form they are stored in."""
    return json.dumps([_as_dict(rule) for rule in rules], separators=(",", ":"))


@lru_cache(maxsize=256)
def stored_rules(text: str | None) -> Sequence[CorsRule]:
    """Returns the rules of a bucket from the form they are stored in."""
    return tuple(rules_of_json(json.loads(text))) if text else ()


def rules_of_xml(root: Element) -> list[CorsRule]:
    """Returns the rules of a CORSConfiguration; raises MalformedXML or InvalidRequest."""
    refuse_unknown_children(root, ["CORSRule"])
    nodes = root.findall("CORSRule")
    if not 0 < len(nodes) <= RULES_LIMIT:
        raise S3Error("MalformedXML")
    rules = []
    for node in nodes:
        refuse_unknown_children(node, [*_LISTS.values(), "MaxAgeSeconds", "ID"])
        origins, methods, headers, exposed = (
            tuple(child.text for child in node.findall(name) if child.text) for name in _LISTS.values()
        )
        if not origins or not methods:
            raise S3Error("MalformedXML")
        age = (node.findtext("MaxAgeSeconds") or "").strip()
        if age and whole_number(age) is None:
            raise S3Error("MalformedXML")
        try:
            rule = CorsRule(
                origins, methods, headers, exposed, whole_number(age), node.findtext("ID") or None
            )
            rules.append(_checked(rule))
        except ValueError as problem:
            raise S3Error("InvalidRequest", str(problem)) from problem
    return rules


def rules_to_xml(rules: Iterable[CorsRule]) -> bytes:
    """Returns the CORSConfiguration document."""
    parts = []
    for rule in rules:
        fields = [field("ID", rule.rule_id)]
        for name, values in _as_dict(rule).items():
            if name in _LISTS:
                fields += [field(_LISTS[name], value) for value in values]
        parts.append(element("CORSRule", *fields, field("MaxAgeSeconds", rule.max_age_s)))
    return document("CORSConfiguration", *parts)


def _as_dict(rule: CorsRule) -> dict[str, Any]:
    lists = (rule.allowed_origins, rule.allowed_methods, rule.allowed_headers, rule.expose_headers)
    written: dict[str, Any] = dict(zip(_LISTS, (list(values) for values in lists), strict=True))
    if rule.max_age_s is not None:
        written["MaxAgeSeconds"] = rule.max_age_s
    if rule.rule_id is not None:
        written["ID"] = rule.rule_id
    return written


def _checked(rule: CorsRule) -> CorsRule:
    if not rule.allowed_origins or not rule.allowed_methods:
        raise ValueError("a CORS rule must have at least one AllowedOrigin and one AllowedMethod")
    for method in rule.allowed_methods:
        if method not in METHODS:
            raise ValueError(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for pattern in (*rule.allowed_origins, *rule.allowed_headers):
        if pattern.count("*") > 1:
            raise ValueError(f'"{pattern}" can not have more than one wildcard.')
    if any("*" in name for name in rule.expose_headers):
        raise ValueError("an ExposeHeader can not have a wildcard")
    values = (*rule.allowed_origins, *rule.allowed_headers, *rule.expose_headers)
    if any(not value.isprintable() or not value.isascii() for value in values):
        raise ValueError("a CORS rule must be printable ASCII")
    return rule


def _matches(pattern: str, value: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == value
    return len(value) >= len(before) + len(after) and value.startswith(before) and value.endswith(after)
