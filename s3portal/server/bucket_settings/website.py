"""The website of a bucket, as a document that is checked and kept: this server has no website endpoint.

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings.xml_values import at_most_one, choice_of, malformed, trimmed_text_of
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import refuse_unknown_children, text_of

KIND = "website"
RULES_LIMIT = 50
KEY_LIMIT_CHARACTERS = 1024
_PARTS = ("RedirectAllRequestsTo", "IndexDocument", "ErrorDocument", "RoutingRules")
_REDIRECT = ("HostName", "HttpRedirectCode", "Protocol", "ReplaceKeyPrefixWith", "ReplaceKeyWith")
_PROTOCOLS = ("http", "https")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_ERROR_CODE = re.compile(r"[45][0-9]{2}")
_REDIRECT_CODE = re.compile(r"30[1-8]")


def check(root: Element) -> None:
    """Raises for what is no WebsiteConfiguration: MalformedXML, InvalidArgument, InvalidRequest."""
    refuse_unknown_children(root, _PARTS)
    at_most_one(root, *_PARTS)
    everything, index = root.find("RedirectAllRequestsTo"), root.find("IndexDocument")
    if everything is not None:
        if len(root) > 1:
            raise _invalid(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            )
        refuse_unknown_children(everything, ["HostName", "Protocol"])
        _check_host(everything, required=True)
        _check_protocol(everything)
        return
    if index is None:
        raise _invalid("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
    refuse_unknown_children(index, ["Suffix"])
    suffix = text_of(index, "Suffix") or ""
    if not suffix or "/" in suffix:
        raise _invalid("The IndexDocument Suffix is not well formed", "IndexDocument", suffix)
    error = root.find("ErrorDocument")
    if error is not None:
        refuse_unknown_children(error, ["Key"])
        key = text_of(error, "Key") or ""
        if not 0 < len(key) <= KEY_LIMIT_CHARACTERS:
            raise _invalid("The ErrorDocument Key is not well formed", "ErrorDocument", key)
    rules = root.find("RoutingRules")
    if rules is not None:
        _check_rules(rules)


def _check_rules(node: Element) -> None:
    refuse_unknown_children(node, ["RoutingRule"])
    if not 0 < len(node) <= RULES_LIMIT:
        raise malformed()
    for rule in node:
        refuse_unknown_children(rule, ["Condition", "Redirect"])
        at_most_one(rule, "Condition", "Redirect")
        condition, redirect = rule.find("Condition"), rule.find("Redirect")
        if redirect is None or not len(redirect):
            raise malformed()
        if condition is not None:
            refuse_unknown_children(condition, ["KeyPrefixEquals", "HttpErrorCodeReturnedEquals"])
            if not len(condition):
                raise malformed()
            _check_code(condition, "HttpErrorCodeReturnedEquals", _ERROR_CODE)
        _check_redirect(redirect)


def _check_redirect(node: Element) -> None:
    refuse_unknown_children(node, _REDIRECT)
    at_most_one(node, *_REDIRECT)
    _check_host(node, required=False)
    _check_protocol(node)
    _check_code(node, "HttpRedirectCode", _REDIRECT_CODE)
    if node.find("ReplaceKeyPrefixWith") is not None and node.find("ReplaceKeyWith") is not None:
        raise S3Error("InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both.")


def _check_host(node: Element, *, required: bool) -> None:
    host = trimmed_text_of(node, "HostName")
    if (host or required) and not _HOST.fullmatch(host or ""):
        raise _invalid("The HostName is not well formed", "HostName", host or "")


def _check_protocol(node: Element) -> None:
    if node.find("Protocol") is not None:
        choice_of(node, "Protocol", _PROTOCOLS)


def _check_code(node: Element, name: str, pattern: re.Pattern[str]) -> None:
    code = trimmed_text_of(node, name)
    if code is not None and not pattern.fullmatch(code):
        raise _invalid(f"The provided HTTP code ({code}) is not valid for {name}.", name, code)


def _invalid(message: str, name: str | None = None, value: str = "") -> S3Error:
    facts = {} if name is None else {"ArgumentName": name, "ArgumentValue": value}
    return S3Error("InvalidArgument", message, facts=facts)
