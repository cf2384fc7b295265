"""A bucket at a glance: all settings."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from s3portal.buckets.problems import NotOffered, Refused, require_bucket
from s3portal.buckets.settings import (
    acl,
    cors,
    encryption,
    lifecycle,
    ownership,
    policy,
    public_access,
    versioning,
)
from s3portal.transfer import Store


def settings_of(store: Store) -> Iterator[dict[str, Any]]:
    """Each setting with its value in a line; what cannot be read says why.

    Raises Refused where there is no such bucket.
    """
    readers: dict[str, Callable[[], Any]] = {
        "region": lambda: store.region,
        "endpoint": lambda: store.settings.s3_endpoint or "AWS",
        "versioning": lambda: versioning.read_versioning(store),
        "object ownership": lambda: ownership.find_ownership(store),
        "block public access": lambda: _switches(public_access.find_block(store)),
        "policy": lambda: _policy(policy.read_policy(store)),
        "bucket ACL": lambda: ", ".join(acl.strangers_in(acl.read_bucket_acl(store))) or "the owner alone",
        "CORS": lambda: _rules(cors.read_cors(store)),
        "lifecycle": lambda: _rules(lifecycle.read_lifecycle(store)),
        "encryption": lambda: encryption.algorithms(encryption.read_encryption(store)) or "none",
    }
    require_bucket(store)
    for name, read in readers.items():
        try:
            value = read()
        except NotOffered:
            value = "not offered by this store"
        except Refused as refusal:
            value = f"not readable: {refusal.text}"
        yield {"setting": name, "value": value}


def folder_of(key: str, prefix: str, depth: int) -> str:
    """The first ``depth`` folders of a key below the prefix's own folder."""
    base = prefix[: prefix.rfind("/") + 1]
    parts = key[len(base) :].split("/")[:-1]
    return base + "".join(f"{part}/" for part in parts[:depth])


def _switches(block: dict[str, bool] | None) -> str:
    on = [name for name, value in (block or {}).items() if value]
    return "off" if not on else "all four on" if len(on) == len(public_access.ALL) else ", ".join(on)


def _policy(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none"
    public = ", lets everyone in" if policy.lets_strangers(found) else ""
    return f"{len(policy.statements(found))} statements{public}"


def _rules(rules: list[dict[str, Any]]) -> str:
    names = [str(rule.get("ID") or json.dumps(rule, default=str)) for rule in rules]
    return "; ".join(names) or "none"
