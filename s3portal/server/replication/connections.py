"""Connections as administrators make them: checked, with their secrets sealed by the master key."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.sealed_columns import SealedColumn
from s3portal.server.replication import rules
from s3portal.server.storage import replication_connections
from s3portal.server.storage.replication_connections import Connection
from s3portal.server.storage.storage import Storage, now_ms

DEFAULT_REGION = "us-east-1"
SECRETS = SealedColumn("replication_connections", "secret", "replication-connection/{name}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ACCOUNT = re.compile(r"[0-9]{12}")


class ConnectionProblem(ValueError):
    """A connection cannot be made, used or removed; the message says why."""


@dataclass(frozen=True)
class NewConnection:
    """A connection as it is given. ``account`` is what PutBucketReplication documents may name it by."""

    name: str
    endpoint: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = DEFAULT_REGION
    account: str | None = None


def check(new: NewConnection) -> None:
    """Raises ConnectionProblem for what cannot be a connection."""
    if not _NAME.fullmatch(new.name):
        raise ConnectionProblem(
            f"{new.name!r} is not the name of a connection: 1 to 64 letters, digits, '-', '_' and '.'"
        )
    if new.account is not None and not _ACCOUNT.fullmatch(new.account):
        raise ConnectionProblem(f"connection {new.name}: an account has 12 digits")
    if not new.access_key_id or not new.secret_access_key or not new.region:
        raise ConnectionProblem(f"connection {new.name}: keys and region must not be empty")
    try:
        parts = urlsplit(new.endpoint)
        port = parts.port
    except ValueError as problem:
        raise ConnectionProblem(f"{new.endpoint!r} is not a URL: {problem}") from problem
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ConnectionProblem(f"{new.endpoint!r} does not begin with http:// or https:// and a host")
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ConnectionProblem("an endpoint is scheme, host and port, without user name, path and query")
    require_address(parts.hostname)


def require_address(host: str) -> None:
    """Raises ConnectionProblem for a host with an address that no server of S3 has, as those have at which
    clouds give their machines' keys away. What does not resolve now may do so later."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return
    for text in found:
        address = ipaddress.ip_address(str(text).partition("%")[0])
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise ConnectionProblem(f"{host} is {address}, which is not the address of an S3 server")


def save(
    storage: Storage,
    master_key: MasterKey,
    new: NewConnection,
    test: Callable[[NewConnection], None],
    origin: str = "",
) -> Connection:
    """Stores a connection, in place of the one with its name, once ``test`` has tried it.

    Raises ConnectionProblem, and what ``test`` raises; nothing is stored then.
    """
    check(new)
    test(new)
    stored = Connection(
        name=new.name,
        endpoint=new.endpoint.rstrip("/"),
        region=new.region,
        access_key_id=new.access_key_id,
        sealed_secret=SECRETS.seal(master_key, new.secret_access_key.encode(), name=new.name),
        account=new.account,
        origin=origin,
        saved_at=now_ms(),
    )
    replication_connections.put(storage, stored)
    return stored


def secret_of(master_key: MasterKey, connection: Connection) -> str:
    """Returns the secret access key of a connection. Raises what the master key does."""
    return SECRETS.open(master_key, connection.sealed_secret, name=connection.name).decode()


def remove(storage: Storage, name: str) -> None:
    """Removes a connection. Raises ConnectionProblem where there is none, or a rule needs it."""
    users = [
        f"{bucket.name}/{rule.rule_id}"
        for bucket, found in rules.with_rules(storage)
        for rule in found.rules
        if rule.connection == name
    ]
    if users:
        raise ConnectionProblem(f"connection {name} is used by {', '.join(users)}: remove these rules first")
    if not replication_connections.delete(storage, name):
        raise ConnectionProblem(f"there is no connection {name}")
