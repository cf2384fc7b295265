"""Blobs on the disk, steps that fail, and what a client is told of it."""

from __future__ import annotations


def blobs_below(root):
    return sorted(
        path.name for folder in ("blobs", "incoming") for path in (root / folder).rglob("*") if path.is_file()
    )


def failing(monkeypatch, owner, name, failure):
    """Lets a function fail from now on, every time."""

    def fail(*arguments, **named):
        raise failure

    monkeypatch.setattr(owner, name, fail)


def outcome(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except Exception as refused:  # noqa: BLE001  (an answer that breaks off is no success either)
        return getattr(refused, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
