"""The audit log as it is read: the newest lines first, those that a filter lets through.

In constant memory, however long the log is.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path

from s3portal.server.gateway.audit import FIELDS, AuditRecord, Outcome
from s3portal.server.gateway.json_lines import lines_backwards

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditFilter:
    """What is looked for; None lets everything through.

    ``user`` is an ARN, or what stands behind ``user/`` or ``assumed-role/`` in it; ``action`` and ``user``
    may have ``*`` and ``?``, and letters of actions are compared without case. ``since`` is included,
    ``until`` is not; both have a time zone.
    """

    user: str | None = None
    action: str | None = None
    bucket: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None

    def lets_through(self, record: AuditRecord) -> bool:
        """Whether a record is one of those that are looked for."""
        return (
            (self.user is None or _is_user(record.user, self.user))
            and (self.action is None or fnmatchcase(record.action.lower(), self.action.lower()))
            and (self.bucket is None or record.bucket == self.bucket)
            and (self.outcome is None or record.outcome == self.outcome.value)
            and (self.since is None or record.at >= _text_of(self.since))
            and (self.until is None or record.at < _text_of(self.until))
        )


EVERYTHING = AuditFilter()


def read_audit(path: Path, wanted: AuditFilter = EVERYTHING) -> Iterator[AuditRecord]:
    """Yields the records that a filter lets through, the newest first. ``path`` is the newest of the files;
    there is none before the first record.

    Reads on as records are asked for, so that the first ones of a large log come at once. Raises OSError.
    """
    since = None if wanted.since is None else _text_of(wanted.since)
    for line in lines_backwards(path):
        record = _record_of(line)
        if record is None:
            continue
        if since is not None and record.at < since and _is_far_before(record.at, since):
            return
        if wanted.lets_through(record):
            yield record


def _record_of(line: bytes) -> AuditRecord | None:
    try:
        found = json.loads(line)
        return AuditRecord(**{name: value for name, value in found.items() if name in FIELDS})
    except (ValueError, TypeError, AttributeError) as torn:
        log.debug("a line of the audit log is not whole: %s", torn)
        return None


def _is_user(arn: str | None, wanted: str) -> bool:
    if arn is None:
        return wanted == "anonymous"
    name = arn.partition("/")[2]
    return any(fnmatchcase(candidate, wanted) for candidate in (arn, name))


def _text_of(moment: datetime) -> str:
    """Returns a time as the log has it, so that texts compare as times do."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def _is_far_before(at: str, since: str) -> bool:
    """Processes write in no exact order, and a clock may have been put back: a day is more than either."""
    try:
        return (datetime.fromisoformat(since) - datetime.fromisoformat(at)).total_seconds() > 24 * 3600
    except ValueError:
        return False
