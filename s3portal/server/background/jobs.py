"""The background jobs by name."""

from __future__ import annotations

from collections.abc import Callable, Collection

from s3portal.server.background.integrity_scan import IntegrityScan
from s3portal.server.background.job import Job
from s3portal.server.background.lifecycle import LifecycleJob
from s3portal.server.background.notifications import NotificationJob
from s3portal.server.background.replication.job import ReplicationJob
from s3portal.server.background.targets import Target
from s3portal.server.kms.administrator import AdministratorsKeys
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.storage.storage import Storage

#: The names of all jobs.
JOB_NAMES = (IntegrityScan.name, LifecycleJob.name, NotificationJob.name, ReplicationJob.name)


def jobs_named(
    names: Collection[str],
    storage: Storage,
    master_key: MasterKey,
    targets: Collection[Target] = (),
    region: str | None = None,
    keys: AdministratorsKeys | None = None,
    follow: Callable[[], None] | None = None,
) -> list[Job]:
    """Returns the jobs with these names; ``follow`` is the replication's. Raises KeyError for a name that no
    job has."""
    makers: dict[str, Callable[[], Job]] = {
        IntegrityScan.name: lambda: IntegrityScan(storage, keys),
        LifecycleJob.name: lambda: LifecycleJob(storage),
        NotificationJob.name: lambda: NotificationJob(storage, targets, region),
        ReplicationJob.name: lambda: ReplicationJob(storage, master_key, keys, follow=follow),
    }
    return [makers[name]() for name in names]
