"""Check: the files that the portal has recorded are at the store, as they were recorded."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.causes import Told, cause_of_answer
from s3portal.portal.findings import Finding, some
from s3portal.transfer import Store, deadline, error_code

#: As many of the newest files are looked at: one request each.
MOST_FILES = 200
_AT_A_TIME = 8
_MOST_NAMED = 5
#: HEAD has no body, so mostly only the status is there.
_GONE = ("404", "NoSuchKey", "NoSuchVersion", "NotFound")


@dataclass(frozen=True)
class RecordedFile:
    """A file as the portal has recorded it. ``shown`` is what the administrator finds it by; a size or an
    ETag of None is not compared."""

    key: str
    shown: str
    size_bytes: int | None
    etag: str | None = None
    version_id: str | None = None


@dataclass(frozen=True)
class FileProblem:
    """What is wrong with a file at the store."""

    text: str
    is_gone: bool = False


def examine_files(case: Case, files: Iterable[RecordedFile], total: int) -> Iterator[Finding]:
    """``files`` are the newest of ``total``, MOST_FILES at the most."""
    looked_at = list(files)
    if not looked_at:
        return
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        problems = list(pool.map(lambda file: _problem(case, file), looked_at))
    of_store = [problem for problem in problems if isinstance(problem, Finding)]
    if of_store:
        yield of_store[0]
        return
    bad = [(file, problem) for file, problem in zip(looked_at, problems, strict=True) if problem]
    if not bad:
        which = f"all {total:,}" if total == len(looked_at) else f"the newest {len(looked_at):,} of {total:,}"
        yield case.ok("files", f"{which} are in the store as they were recorded")
        return
    named = some([f"{file.shown}: {problem.text}" for file, problem in bad], _MOST_NAMED, "; ")
    text = f"{len(bad):,} of {len(looked_at):,} files are not what was recorded: {named}"
    yield case.wrong("files", text, "restore them from a backup or an older version, or upload them again")


def problem_of_file(store: Store, file: RecordedFile) -> FileProblem | None:
    """What is wrong with a file; None where nothing is.

    Raises ClientError and BotoCoreError where the store does not say.
    """
    try:
        with deadline(CALL_S):
            size_bytes, etag = _head(store, file)
    except ClientError as error:
        if error_code(error) in _GONE:
            return FileProblem("is not in the store", is_gone=True)
        raise
    if file.size_bytes is not None and size_bytes != file.size_bytes:
        return FileProblem(f"has {size_bytes:,} bytes, but {file.size_bytes:,} were recorded")
    if file.etag and etag != file.etag:
        return FileProblem("has been overwritten (its ETag differs from the one recorded)")
    return None


def _problem(case: Case, file: RecordedFile) -> FileProblem | Finding | None:
    """What is wrong with a file, a finding where the store does not say, None where nothing is."""
    try:
        return problem_of_file(case.store, file)
    except ClientError as error:
        resource = f"{case.bucket_arn}/*"
        cause = cause_of_answer(case, Told.by_error(error), permission="s3:GetObject", resource=resource)
        return case.look("files", f"cannot be checked: {cause.text}", cause.mend)
    except BotoCoreError as error:
        return case.look("files", f"cannot be checked: {error}", "run the doctor again")


def _head(store: Store, file: RecordedFile) -> tuple[int, str]:
    version = {"VersionId": file.version_id} if file.version_id else {}
    head = store.client().head_object(Bucket=store.bucket, Key=file.key, **version)  # type: ignore[arg-type]
    return head["ContentLength"], head.get("ETag", "").strip('"')
