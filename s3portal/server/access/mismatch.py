"""A signature that does not match: what the caller may have signed instead.

The caller's canonical request is not sent along. But where one of the usual mistakes made it, signing ours
with that mistake gives the caller's signature, and so shows it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from s3portal.server.access import sigv4
from s3portal.server.access.claims import Claim
from s3portal.server.wire.errors import S3Error

# Each costs a signature, so that a request with thousands of parameters is not looked into.
_PARAMETERS_LIMIT = 24
_PORTS = ("", ":80", ":443")
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_CODINGS = ("", "identity", "gzip", "gzip, deflate", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3")


@dataclass(frozen=True)
class Mistake:
    """``what`` happened to the request, and the canonical request ``theirs`` that the caller signed; None
    where the canonical request is ours and something else is wrong."""

    what: str
    theirs: str | None = None


class SignatureMismatch(S3Error):
    """``canonical_request`` is ours; ``mistake`` what explains the signature, None where nothing does."""

    def __init__(self, facts: Mapping[str, str], canonical_request: str, mistake: Mistake | None) -> None:
        super().__init__("SignatureDoesNotMatch", facts={**facts, "CanonicalRequest": canonical_request})
        self.canonical_request = canonical_request
        self.mistake = mistake


@dataclass(frozen=True)
class Signed:
    """What goes into a canonical request."""

    method: str
    raw_path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    payload_hash: str

    def canonical_requests(self, claim: Claim) -> list[str]:
        return sigv4.canonical_requests(
            claim, self.method, self.raw_path, self.query, self.headers, self.payload_hash
        )


def find_mistake(secret_access_key: str, claim: Claim, signed: Signed) -> Mistake | None:
    """Returns the usual mistake that explains the signature of a claim; None where none of them does."""
    ours = signed.canonical_requests(claim)
    for secret in {secret_access_key.strip(), f"{secret_access_key}\n", f"{secret_access_key} "}:
        if secret != secret_access_key and sigv4.matches(secret, claim, ours):
            return Mistake("the caller's secret access key has white space around it")
    for what, changed in _variations(signed, claim):
        for theirs in changed.canonical_requests(claim):
            if theirs not in ours and sigv4.matches(secret_access_key, claim, [theirs]):
                return Mistake(what, theirs)
    return None


def _variations(signed: Signed, claim: Claim) -> Iterator[tuple[str, Signed]]:
    yield from _hosts(signed)
    for method in _METHODS:
        if method != signed.method:
            yield f"the request was signed for {method}", replace(signed, method=method)
    for payload_hash in (sigv4.UNSIGNED_PAYLOAD, sigv4.EMPTY_SHA256):
        if payload_hash != signed.payload_hash:
            yield "the body was signed otherwise", replace(signed, payload_hash=payload_hash)
    for what, path in _paths(signed.raw_path):
        yield what, replace(signed, raw_path=path)
    for index, (name, _) in enumerate(signed.query[:_PARAMETERS_LIMIT]):
        rest = [*signed.query[:index], *signed.query[index + 1 :]]
        yield f"the parameter {name} was added after signing", replace(signed, query=rest)
    for name in claim.signed_headers[:_PARAMETERS_LIMIT]:
        for value in _CODINGS if name == "accept-encoding" else ("",):
            headers = {**signed.headers, name: value}
            yield f"the header {name} was changed after signing", replace(signed, headers=headers)


def _hosts(signed: Signed) -> Iterator[tuple[str, Signed]]:
    """A proxy that does not keep the Host header is what happens most."""
    given = signed.headers.get("host", "")
    name = given.rpartition(":")[0] if given.rpartition(":")[2].isdecimal() else given
    forwarded = [signed.headers.get(header, "") for header in ("x-forwarded-host", "x-original-host")]
    for host in [*forwarded, *(f"{name}{port}" for port in _PORTS)]:
        if host and host != given:
            headers = {**signed.headers, "host": host}
            yield (
                f"the request was signed for the host {host} and came for {given}",
                replace(signed, headers=headers),
            )


def _paths(path: str) -> Iterator[tuple[str, str]]:
    decoded = unquote(path)
    yield "the path was encoded twice when it was signed", quote(path, safe="/-_.~")
    yield "the path was not encoded when it was signed", decoded
    yield "the slash at the end of the path was added after signing", path.rstrip("/")
    yield "the slash at the end of the path was lost after signing", f"{path}/"
    yield "a part of the path was taken away after signing", "/"


def first_difference(ours: str, theirs: str) -> tuple[int, str, str] | None:
    """Returns the number of the first line in which two canonical requests differ, and both lines; None for
    equal ones."""
    left, right = ours.split("\n"), theirs.rstrip("\n").split("\n")
    for number in range(max(len(left), len(right))):
        lines = [text[number] if number < len(text) else "" for text in (left, right)]
        if lines[0] != lines[1]:
            return number + 1, lines[0], lines[1]
    return None
