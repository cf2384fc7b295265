"""The doctor's lines on files that readers did not get: links noticed it (file_check.py)."""

from collections.abc import Iterator, Sequence

from ckanext.s3multipart.file_check import TroubledFile, changed_files, vanished_files
from s3portal.findings import OK, WRONG, Finding

# The log and the database have the rest.
_MOST_NAMED = 5


def examine_links() -> Iterator[Finding]:
    """What links found at the store, looked at again."""
    vanished, changed = vanished_files(), changed_files()
    if vanished:
        mend = "restore them from a backup or an older version, or upload them again"
        yield Finding("links", "files", WRONG, f"readers do not get {_named(vanished)}", mend)
    if changed:
        mend = "find out who writes to the bucket, and upload them again"
        yield Finding("links", "files", WRONG, f"not what was published is {_named(changed)}", mend)
    if not vanished and not changed:
        yield Finding("links", "files", OK, "led to all the files that were asked for")


def _named(files: Sequence[TroubledFile]) -> str:
    named = "; ".join(
        f"{file.filename} of {file.dataset} (resource {file.resource_id}), since {file.since:%Y-%m-%d %H:%M}"
        for file in files[:_MOST_NAMED]
    )
    more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
    return f"{len(files):,} files: {named}{more}" if len(files) > 1 else named
