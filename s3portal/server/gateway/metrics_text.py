"""Metrics as Prometheus reads them: the text format, version 0.0.4.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from s3portal import __version__
from s3portal.server.gateway.metrics import BOUNDS_S, OUTCOMES, MetricsMemory
from s3portal.server.replication import states
from s3portal.server.storage import deliveries, quotas, usage
from s3portal.server.storage.clock import now_ms
from s3portal.server.storage.records import Quota, Usage
from s3portal.server.storage.storage import Storage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[str, Mapping[str, str], float]
_PREFIX = "s3portal_server_"


def metrics_text(memory: MetricsMemory, storage: Storage) -> bytes:
    """Returns all that is counted, and what the buckets hold by now."""
    families = [
        *_of_requests(memory),
        *_of_storage(storage),
        *_of_jobs(memory, storage),
        *_of_replication(storage),
    ]
    lines = [line for family in families for line in family]
    return ("\n".join(lines) + "\n").encode()


def _family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Yields the lines of a metric; each sample has what follows the name, its labels, its value."""
    yield f"# HELP {_PREFIX}{name} {told}"
    yield f"# TYPE {_PREFIX}{name} {kind}"
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        number = str(int(value)) if value == int(value) else repr(float(value))
        yield f"{_PREFIX}{name}{suffix}{{{shown}}} {number}" if shown else f"{_PREFIX}{name}{suffix} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _of_requests(memory: MetricsMemory) -> list[Iterator[str]]:
    operations = memory.of_operations()
    by_outcome = [
        ("", {"operation": counts.name, "status": outcome}, count)
        for counts in operations
        for outcome, count in zip(OUTCOMES, counts.by_outcome, strict=True)
        if count
    ]
    errors = [("", {"code": code}, count) for code, count in memory.of_errors().items()]
    bytes_in = [("", {"operation": counts.name}, counts.bytes_in) for counts in operations]
    bytes_out = [("", {"operation": counts.name}, counts.bytes_out) for counts in operations]
    durations = [
        sample
        for counts in operations
        for sample in _histogram({"operation": counts.name}, counts.histogram, counts.seconds)
    ]
    return [
        _family("info", "gauge", "The version of the server.", [("", {"version": __version__}, 1)]),
        _family("requests_total", "counter", "Requests by operation and class of status.", by_outcome),
        _family("errors_total", "counter", "Answers that are errors, by S3's code.", errors),
        _family("received_bytes_total", "counter", "Bytes of bodies that were received.", bytes_in),
        _family("sent_bytes_total", "counter", "Bytes of bodies that were sent.", bytes_out),
        _family(
            "request_duration_seconds",
            "histogram",
            "From a request's head to the end of its answer.",
            durations,
        ),
    ]


def _histogram(labels: Mapping[str, str], counts: Sequence[int], seconds: float) -> Iterator[Sample]:
    below = list(accumulate(counts))
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), below, strict=True):
        yield "_bucket", {**labels, "le": bound}, count
    yield "_sum", labels, seconds
    yield "_count", labels, below[-1]


def _of_storage(storage: Storage) -> list[Iterator[str]]:
    with storage.database.snapshot() as connection:
        held, limits = usage.buckets_in(connection), quotas.of_buckets_in(connection)
        users, user_limits = usage.users_in(connection), quotas.of_users_in(connection)
    return [
        *(
            _family(f"bucket_{name}", "gauge", told, _of_buckets(held, name))
            for name, told in (
                ("objects", "Current objects."),
                ("object_bytes", "Bytes of current objects."),
                ("versions", "Versions that are no longer current."),
                ("version_bytes", "Bytes of versions that are no longer current."),
                ("uploads", "Multipart uploads that are not completed."),
                ("upload_bytes", "Bytes of parts of uploads that are not completed."),
            )
        ),
        _family(
            "bucket_quota_bytes", "gauge", "How many bytes a bucket may hold.", _limits("bucket", limits, 0)
        ),
        _family(
            "bucket_quota_objects",
            "gauge",
            "How many objects a bucket may hold.",
            _limits("bucket", limits, 1),
        ),
        _family(
            "user_bytes",
            "gauge",
            "Bytes that a user or role has stored.",
            [("", {"user": arn}, found.size_bytes) for arn, found in users.items()],
        ),
        _family(
            "user_quota_bytes",
            "gauge",
            "How many bytes a user or role may store.",
            _limits("user", user_limits, 0),
        ),
    ]


def _of_buckets(held: Mapping[str, Usage], name: str) -> list[Sample]:
    return [("", {"bucket": bucket}, getattr(found, name)) for bucket, found in held.items()]


def _limits(label: str, limits: Mapping[str, Quota], which: int) -> list[Sample]:
    chosen = {name: (quota.max_bytes, quota.max_objects)[which] for name, quota in limits.items()}
    return [("", {label: name}, limit) for name, limit in chosen.items() if limit is not None]


def _of_jobs(memory: MetricsMemory, storage: Storage) -> list[Iterator[str]]:
    now = now_ms()
    counted = memory.of_jobs()
    waiting, oldest_at = deliveries.waiting(storage)
    return [
        _family(
            "job_runs_total",
            "counter",
            "Runs of background jobs that ended well.",
            [("", {"job": job.name}, job.runs) for job in counted],
        ),
        _family(
            "job_failures_total",
            "counter",
            "Runs of background jobs that failed.",
            [("", {"job": job.name}, job.failures) for job in counted],
        ),
        _family(
            "job_last_success_seconds",
            "gauge",
            "When a job last ended well, in seconds since 1970.",
            [("", {"job": job.name}, job.last_success_at / 1000) for job in counted if job.last_success_at],
        ),
        _family("notifications_waiting", "gauge", "Notifications to be delivered.", [("", {}, waiting)]),
        _family(
            "notifications_lag_seconds",
            "gauge",
            "The age of the oldest notification to be delivered.",
            [("", {}, max(0, now - oldest_at) / 1000 if oldest_at is not None else 0)],
        ),
    ]


def _of_replication(storage: Storage) -> list[Iterator[str]]:
    reports = states.reports(storage)
    return [
        _family(
            f"replication_{name}",
            kind,
            told,
            [("", {"bucket": one.bucket, "rule": one.rule_id}, getattr(one, field)) for one in reports],
        )
        for name, field, kind, told in (
            ("waiting", "waiting", "gauge", "Versions that a rule has to send."),
            ("waiting_bytes", "waiting_bytes", "gauge", "Bytes of the versions that a rule has to send."),
            ("failed", "failed", "gauge", "Versions that the target of a rule refuses."),
            ("lag_seconds", "lag_s", "gauge", "How long the oldest version has been waiting."),
            ("sent_total", "sent_objects", "counter", "Changes that a rule has sent."),
            ("sent_bytes_total", "sent_bytes", "counter", "Bytes of objects that a rule has sent."),
        )
    ]
