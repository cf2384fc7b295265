"""The background jobs by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from s3portal.server.background.integrity_scan import IntegrityScan
from s3portal.server.background.job import Job
from s3portal.server.background.lifecycle import LifecycleJob
from s3portal.server.storage.storage import Storage

_JOBS: Mapping[str, Callable[[Storage], Job]] = {
    IntegrityScan.name: IntegrityScan,
    LifecycleJob.name: LifecycleJob,
}
JOB_NAMES = tuple(_JOBS)


def jobs_named(names: Collection[str], storage: Storage) -> list[Job]:
    """Returns the jobs with these names. Raises KeyError for a name that no job has."""
    return [_JOBS[name](storage) for name in names]
