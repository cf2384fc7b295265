"""``indico s3 doctor``: looks at everything that an administrator can get wrong, and says how to fix it."""

import json
from collections.abc import Iterator
from pathlib import Path

from indico.core.config import config
from indico.core.storage import StorageError
from indico.core.storage.backend import ReadOnlyStorageMixin

from indico_plugin.backends import open_backend
from indico_plugin.bucket_doctor import examine_buckets
from indico_plugin.direct_upload.permission import attachment_storage, direct_uploads_on
from indico_plugin.direct_upload.table import UPGRADE_COMMAND, table_is_current
from indico_plugin.file_findings import examine_files, examine_rows
from indico_plugin.options import STREAM, options_problems
from indico_plugin.plugin_settings import settings
from indico_plugin.storage import S3StorageBase
from s3portal.portal.findings import LOOK, OK, WRONG, Finding


def examine(*, apply: bool = False) -> Iterator[Finding]:
    """Looks at all S3 backends, and at the site. With ``apply``, fixes what can be fixed without a choice:
    missing buckets, and the CORS and lifecycle rules of direct uploads.
    """
    for name in config.STORAGE_BACKENDS:
        yield from _examine_backend(name, apply)
    yield from _examine_new_files()
    yield from examine_rows()
    yield from examine_files()
    yield from _examine_direct_uploads()


def _examine_backend(name: str, apply: bool) -> Iterator[Finding]:
    try:
        storage = open_backend(name)
    except StorageError as error:
        yield Finding(name, "options", WRONG, str(error), "correct STORAGE_BACKENDS in indico.conf")
        return
    if not isinstance(storage, S3StorageBase):
        return
    problems = options_problems(storage.options_class, config.STORAGE_BACKENDS[name].partition(":")[2])
    for problem in problems:
        yield Finding(name, "options", LOOK, problem, "correct STORAGE_BACKENDS in indico.conf")
    if not problems:
        yield Finding(name, "options", OK, "all known")
    yield from _write_refusal(name, storage)
    yield from _examine_policy_file(name, storage.options.bucket_policy_file)
    if storage.options.proxy == STREAM:
        text = "downloads go through Indico's own processes and occupy one for as long as the reader takes"
        yield Finding(name, "proxy", LOOK, text, "set proxy=nginx, see docs/indico.md")
    yield from examine_buckets(name, storage, apply=apply)


def _write_refusal(name: str, storage: S3StorageBase) -> Iterator[Finding]:
    if storage.write_refusal is not None and not isinstance(storage, ReadOnlyStorageMixin):
        yield Finding(
            name, "new files", WRONG, storage.write_refusal, "correct STORAGE_BACKENDS in indico.conf"
        )


def _examine_policy_file(name: str, path: str) -> Iterator[Finding]:
    """A dynamic backend needs it again at the next turn of the year, when no one is watching."""
    if not path:
        return
    try:
        json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        yield Finding(
            name, "bucket_policy_file", WRONG, f"{path}: {error}", "without it no bucket is created"
        )


def _examine_new_files() -> Iterator[Finding]:
    """Where new files go: with a name that is not there, every upload fails."""
    yield from _examine_storage_of("new materials", "ATTACHMENT_STORAGE")
    if config.STATIC_SITE_STORAGE != config.ATTACHMENT_STORAGE:
        yield from _examine_storage_of("new offline copies", "STATIC_SITE_STORAGE")


def _examine_storage_of(subject: str, setting: str) -> Iterator[Finding]:
    name, fix = getattr(config, setting), f"correct {setting} in indico.conf"
    try:
        storage = open_backend(name)
    except StorageError as error:
        yield Finding(name, subject, WRONG, f"cannot be saved: {error}", fix)
        return
    if isinstance(storage, ReadOnlyStorageMixin):
        yield Finding(name, subject, WRONG, f"cannot be saved: {name} is read-only", fix)
    elif not isinstance(storage, S3StorageBase):
        yield Finding(name, subject, LOOK, "do not go to S3", f"set {setting}, if they should")


def _examine_direct_uploads() -> Iterator[Finding]:
    """Whether they are on. What their bucket needs is said of the bucket."""
    subject = "direct uploads"
    name = config.ATTACHMENT_STORAGE
    if not table_is_current():
        if settings.get("direct_uploads"):
            text = "are off: the database is that of an earlier version"
            yield Finding(name, subject, WRONG, text, UPGRADE_COMMAND)
            return
        yield Finding(name, subject, LOOK, "cannot be turned on yet", UPGRADE_COMMAND)
    if attachment_storage() is None:
        text = "cannot be used: new materials do not go to a writable S3 backend"
        yield Finding(name, subject, WRONG if settings.get("direct_uploads") else OK, text)
        return
    yield Finding(name, subject, OK, "are on" if direct_uploads_on() else "are off")
