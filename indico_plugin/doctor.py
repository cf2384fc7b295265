"""``indico s3 doctor``: looks at everything that an administrator can get wrong, and says how to mend it."""

import json
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.config import config
from indico.core.db import db
from indico.core.storage import StorageError
from indico.core.storage.backend import ReadOnlyStorageMixin

from indico_plugin.backends import open_backend
from indico_plugin.bucket_info import buckets_with_files
from indico_plugin.direct_upload.cors import let_site_in, site_origin
from indico_plugin.direct_upload.permission import attachment_storage, direct_uploads_on
from indico_plugin.direct_upload.table import UPGRADE_COMMAND, table_exists
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.migration.stored_files import file_models
from indico_plugin.options import STREAM, options_problems
from indico_plugin.storage import S3StorageBase
from s3portal.findings import LOOK, OK, WRONG, Finding
from s3portal.transfer.cors import lets_in, read_cors_rules
from s3portal.transfer.store_errors import error_code


def examine(*, apply: bool = False) -> Iterator[Finding]:
    """Looks at all S3 backends, and at the site. With ``apply``, mends what can be mended without a choice:
    missing buckets and CORS rules.
    """
    for name in config.STORAGE_BACKENDS:
        yield from _examine_backend(name, apply)
    yield from _examine_attachment_storage()
    yield from _examine_rows()
    yield from _examine_direct_uploads(apply)


def _examine_backend(name: str, apply: bool) -> Iterator[Finding]:
    try:
        storage = open_backend(name)
    except StorageError as error:
        yield Finding(name, "options", WRONG, str(error), "mend STORAGE_BACKENDS in indico.conf")
        return
    if not isinstance(storage, S3StorageBase):
        return
    problems = options_problems(storage.options_class, config.STORAGE_BACKENDS[name].partition(":")[2])
    for problem in problems:
        yield Finding(name, "options", LOOK, problem, "mend STORAGE_BACKENDS in indico.conf")
    if not problems:
        yield Finding(name, "options", OK, "all known")
    yield from _examine_policy_file(name, storage.options.bucket_policy_file)
    if storage.options.proxy == STREAM:
        text = "downloads go through Indico's own processes, each for as long as its reader takes"
        yield Finding(name, "proxy", LOOK, text, "proxy=nginx, see docs/indico.md")
    for bucket in _buckets(name, storage):
        yield from _examine_bucket(name, storage, bucket, apply)


def _examine_policy_file(name: str, path: str) -> Iterator[Finding]:
    """A dynamic backend needs it again at the next turn of the year, when nobody looks."""
    if not path:
        return
    try:
        json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        yield Finding(name, "bucket_policy_file", WRONG, f"{path}: {error}", "no bucket can be made without")


def _examine_attachment_storage() -> Iterator[Finding]:
    """Where new materials go: with a name that is not there, every upload fails."""
    name, subject, mend = config.ATTACHMENT_STORAGE, "new materials", "mend ATTACHMENT_STORAGE in indico.conf"
    try:
        storage = open_backend(name)
    except StorageError as error:
        # What is wrong with an entry that is there has been said.
        if name not in config.STORAGE_BACKENDS:
            yield Finding(name, subject, WRONG, f"cannot be saved: {error}", mend)
        return
    if isinstance(storage, ReadOnlyStorageMixin):
        yield Finding(name, subject, WRONG, f"cannot be saved: {name} is for reading only", mend)
    elif not isinstance(storage, S3StorageBase):
        yield Finding(name, subject, LOOK, "do not go to S3", "ATTACHMENT_STORAGE, if they should")


def _buckets(name: str, storage: S3StorageBase) -> list[str]:
    """The buckets that must be there. Of a read-only dynamic backend those that have files."""
    if isinstance(storage, DynamicS3Storage) and isinstance(storage, ReadOnlyStorageMixin):
        return sorted(buckets_with_files(name))
    return storage.wanted_buckets()


def _examine_bucket(name: str, storage: S3StorageBase, bucket: str, apply: bool) -> Iterator[Finding]:
    subject = f"bucket {bucket}"
    try:
        store = storage.store(bucket)
        if not storage.bucket_exists(bucket):
            if not apply:
                yield Finding(
                    name, subject, WRONG, "is not there", f"indico s3 create-bucket --storage {name}"
                )
                return
            storage.make_bucket(bucket)
        region = store.client().get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
    except (ClientError, BotoCoreError, StorageError, OSError) as error:
        mend = {
            "403": "check the keys, and that their policy allows s3:ListBucket and s3:GetBucketLocation",
            "301": "set region= to the bucket's own",
        }
        code = error_code(error) if isinstance(error, ClientError) else ""
        yield Finding(name, subject, WRONG, str(error), mend.get(code, "check host, keys and network"))
        return
    if not storage.options.host and region != store.region:
        yield Finding(name, subject, WRONG, f"is in {region}, not in {store.region}", f"region={region}")
    else:
        yield Finding(name, subject, OK, "is there, and the keys open it")


def _examine_rows() -> Iterator[Finding]:
    """Files in the database whose backend is in indico.conf no more: nobody can download those."""
    counts: dict[str, int] = {}
    for model in file_models():
        rows = db.session.query(model.storage_backend, db.func.count()).group_by(model.storage_backend)
        for name, count in rows:
            counts[name] = counts.get(name, 0) + count
    for name, count in sorted((name, count) for name, count in counts.items() if name is not None):
        if name not in config.STORAGE_BACKENDS:
            text = f"{count} files are recorded there, and STORAGE_BACKENDS does not have it"
            yield Finding(name, "files", WRONG, text, "add it to indico.conf again")


def _examine_direct_uploads(apply: bool) -> Iterator[Finding]:
    subject = "direct uploads"
    name = config.ATTACHMENT_STORAGE
    if not table_exists():
        yield Finding(name, subject, LOOK, "cannot be turned on yet", UPGRADE_COMMAND)
        return
    storage = attachment_storage()
    if storage is None or not direct_uploads_on():
        yield Finding(name, subject, OK, "are off")
        return
    origin = site_origin()
    for bucket in storage.wanted_buckets():
        try:
            store = storage.store(bucket)
            enough = lets_in(read_cors_rules(store), origin) or (apply and let_site_in(store))
        except (ClientError, BotoCoreError, StorageError) as error:
            yield Finding(name, subject, WRONG, f"CORS of {bucket}: {error}", "check the keys' permissions")
            continue
        if enough:
            yield Finding(name, subject, OK, f"are on, and {bucket} lets pages of {origin} in")
        else:
            text = f"the CORS rules of {bucket} do not let pages of {origin} put parts and read their ETag"
            yield Finding(name, subject, WRONG, text, "indico s3 doctor --apply")
