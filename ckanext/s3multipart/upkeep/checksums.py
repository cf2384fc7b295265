"""Checksums of files that were published before: said as other extensions read them, and completed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ckanext.s3multipart.uploads.sha256 import (
    compute_sha256,
    enqueue_sha256,
    resources_to_say,
    say_checksums,
    without_sha256,
)
from s3portal.transfer import TransferError

log = logging.getLogger(__name__)

_AT_A_TIME = 500
#: The janitor asks for so many jobs a round; those before have not been worked off otherwise.
_JOBS_A_ROUND = 200


@dataclass(frozen=True)
class Computed:
    """How many files were read, and which could not be."""

    done: int
    failed: tuple[str, ...]


def say_all() -> int:
    """Has every resource say its file's checksums in their fields; returns how many said it otherwise. May be
    stopped and run again."""
    said, tried = 0, set[str]()
    while wanted := [each for each in resources_to_say(_AT_A_TIME + len(tried)) if each not in tried]:
        for resource_id in wanted:
            tried.add(resource_id)
            said += say_checksums(resource_id)
    return said


def compute_all(heard: Callable[[str], None] = lambda _: None) -> Computed:
    """Reads every published file that has no SHA-256 once from the store. May be stopped and run again."""
    done, failed = 0, dict[str, str]()
    while wanted := [each for each in without_sha256(_AT_A_TIME + len(failed)) if each not in failed]:
        for upload_id in wanted:
            heard(upload_id)
            try:
                done += compute_sha256(upload_id)
            except TransferError as error:
                failed[upload_id] = str(error)
                log.warning("The SHA-256 of upload %s was not computed: %s", upload_id, error)
    return Computed(done, tuple(failed))


def enqueue_missing() -> int:
    """Asks for the background jobs that were lost, where the site wants them."""
    return sum(enqueue_sha256(upload_id) for upload_id in without_sha256(_JOBS_A_ROUND))
