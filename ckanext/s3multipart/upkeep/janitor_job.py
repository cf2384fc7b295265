"""The janitor as a background job, for sites whose cron cannot wait for it or has no way to the store."""

import logging

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.errors import DatabaseOfAnotherSite
from ckanext.s3multipart.upkeep.janitor import sweep

log = logging.getLogger(__name__)

#: CKAN's own limit for jobs is three minutes; a round through many files takes longer.
_TIMEOUT_S = 6 * 3600


def queue_janitor() -> str:
    """Asks a worker (``ckan jobs worker``) for one round; returns the job's id. Raises what Redis raises."""
    job = tk.enqueue_job(run_janitor, title="s3multipart: janitor", rq_kwargs={"timeout": _TIMEOUT_S})
    return str(job.id)


def run_janitor() -> None:
    """One round. What the store does not let go is left for the next one."""
    try:
        swept = sweep()
    except DatabaseOfAnotherSite as error:
        log.error("The janitor does nothing: %s", error)
        return
    log.log(logging.WARNING if swept.failed else logging.INFO, "The janitor's round: %s", swept)
