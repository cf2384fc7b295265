"""MyFSIO's connections.json and replication_rules.json, as releases up to 0.2.1 write them. Pure.

What is not known of an entry is said, and the entry is not taken over: it may say something that counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.server.wire.json_documents import parse_json

NEW_ONLY, ALL = "new_only", "all"
_OF_CONNECTION = frozenset({"id", "name", "endpoint_url", "access_key", "secret_key", "region"})
# stats are what its console has shown last.
_OF_RULE = frozenset(
    {"bucket_name", "target_connection_id", "target_bucket", "enabled", "mode", "created_at", "stats"}
)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_NAME_LIMIT = 64


@dataclass(frozen=True)
class NotTaken:
    """An entry that is not taken over; the message names it and says why."""

    message: str


@dataclass(frozen=True)
class KeptConnection:
    """``connection_id`` is what rules name it by, ``name`` its name as a connection here may have it."""

    connection_id: str
    name: str
    endpoint: str
    access_key: str
    secret_key: str
    region: str

    def __repr__(self) -> str:
        return f"KeptConnection({self.name!r}, {self.endpoint!r}, {self.access_key!r})"


@dataclass(frozen=True)
class KeptRule:
    """``existing_objects``: what was in the bucket before the rule is sent, too."""

    bucket: str
    connection_id: str
    target_bucket: str
    existing_objects: bool


def read_connections(text: str) -> Iterator[KeptConnection | NotTaken]:
    """Yields the connections of a file. Raises ValueError for one that is no list."""
    document = parse_json(text)
    if not isinstance(document, list):
        raise ValueError("it must be a list")
    for number, entry in enumerate(document):
        place = f"connection {_named(entry, number)}"
        if problem := _problem(entry, _OF_CONNECTION, ("id", "name", "endpoint_url", "access_key")):
            yield NotTaken(f"{place}: {problem}")
        elif not isinstance(entry.get("secret_key"), str):
            yield NotTaken(f"{place}: it has no secret_key")
        else:
            yield KeptConnection(
                connection_id=entry["id"],
                name=name_of(entry["name"], entry["id"]),
                endpoint=entry["endpoint_url"],
                access_key=entry["access_key"],
                secret_key=entry["secret_key"],
                region=entry.get("region") or "us-east-1",
            )


def read_rules(text: str) -> Iterator[KeptRule | NotTaken]:
    """Yields the rules of a file. Raises ValueError for one that is no object."""
    document = parse_json(text)
    if not isinstance(document, Mapping):
        raise ValueError("it must be an object")
    for bucket, entry in document.items():
        place = f"replication rule of bucket {bucket}"
        mode = entry.get("mode", NEW_ONLY) if isinstance(entry, Mapping) else None
        if problem := _problem(entry, _OF_RULE, ("target_connection_id", "target_bucket")):
            yield NotTaken(f"{place}: {problem}")
        elif mode not in (NEW_ONLY, ALL):
            yield NotTaken(f"{place}: its mode {mode!r} is not known")
        else:
            yield KeptRule(bucket, entry["target_connection_id"], entry["target_bucket"], mode == ALL)


def name_of(name: str, connection_id: str) -> str:
    """Returns the name that a connection has here: letters, digits, '-', '_' and '.'."""
    made = _NOT_IN_NAMES.sub("-", name).strip("-._")[:_NAME_LIMIT]
    return made or _NOT_IN_NAMES.sub("-", connection_id).strip("-._")[:_NAME_LIMIT] or "myfsio"


def _named(entry: Any, number: int) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) and name else f"number {number + 1}"


def _problem(entry: Any, known: frozenset[str], texts: tuple[str, ...]) -> str | None:
    if not isinstance(entry, Mapping):
        return "it must be an object"
    unknown = sorted(set(entry) - known)
    if unknown:
        return f"{', '.join(unknown)} is not known of releases up to 0.2.1"
    missing = [name for name in texts if not isinstance(entry.get(name), str) or not entry[name]]
    return f"it has no {', '.join(missing)}" if missing else None
