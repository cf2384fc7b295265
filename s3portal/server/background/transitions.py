"""Lifecycle transitions at work: which versions are due for a colder storage class, and their change."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping

from s3portal.server.bucket_settings.lifecycle import Lifecycle, LifecycleRule
from s3portal.server.bucket_settings.lifecycle_transitions import (
    coldest,
    due_classes,
    due_noncurrent_classes,
    moves_small_ones,
)
from s3portal.server.storage.reclassing import Reclassing, reclass
from s3portal.server.storage.records import StoredObject, Version
from s3portal.server.storage.storage import Storage

_STORAGE_CLASS, _STANDARD = "x-amz-storage-class", "STANDARD"


def apply_transitions(
    storage: Storage,
    bucket: str,
    lifecycle: Lifecycle,
    versions: Iterable[Version],
    now: int,
    *,
    at_once: int,
    pause_s: float,
    stopping: threading.Event,
) -> int:
    """Gives ``versions``, in the order of a listing, the storage classes that are due, ``at_once`` in one
    transaction. Returns how many it changed. Raises NoSuchBucket."""
    count, batch = 0, []
    for due in _due(lifecycle, versions, now):
        if stopping.is_set():
            return count
        batch.append(due)
        if len(batch) == at_once:
            count += reclass(storage, bucket, batch)
            batch = []
            stopping.wait(pause_s)
    return count + (reclass(storage, bucket, batch) if batch else 0)


def _due(lifecycle: Lifecycle, versions: Iterable[Version], now: int) -> Iterator[Reclassing]:
    rules = [*lifecycle.enabled_rules]
    key, newer = None, 0
    for version in versions:
        if version.key != key:
            key, newer = version.key, 0
        found = version.found
        if found is not None:
            due = _classes(lifecycle, rules, version, found, newer, now)
            storage_class = coldest(found.headers.get(_STORAGE_CLASS, _STANDARD), due)
            if storage_class is not None:
                yield Reclassing(version, storage_class)
        newer += not version.is_current


def _classes(
    lifecycle: Lifecycle,
    rules: list[LifecycleRule],
    version: Version,
    found: StoredObject,
    newer: int,
    now: int,
) -> Iterator[str]:
    for rule in rules:
        if version.noncurrent_at is None:
            classes = due_classes(rule, version.modified_at, now)
        else:
            classes = due_noncurrent_classes(rule, version.noncurrent_at, newer, now)
        for storage_class in classes:
            if rule.filter.matches(version.key, found.size_bytes, _tags(found)) and moves_small_ones(
                rule, storage_class, lifecycle.minimum_size, found.size_bytes
            ):
                yield storage_class


def _tags(found: StoredObject) -> Mapping[str, str]:
    tags: dict[str, str] = json.loads(found.tags) if found.tags else {}
    return tags
