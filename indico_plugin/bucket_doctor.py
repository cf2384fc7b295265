"""The buckets of one backend: that they are there, that files go in and out, and that they are set up well
(s3portal.buckets.examining)."""

from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from indico.core.config import config, get_config_path
from indico.core.storage import StorageError
from indico.core.storage.backend import ReadOnlyStorageMixin

from indico_plugin.bucket_findings import missing_bucket, unusable_bucket
from indico_plugin.bucket_info import buckets_with_files
from indico_plugin.direct_upload.permission import direct_uploads_on
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.options import REDIRECT
from indico_plugin.storage import S3StorageBase
from s3portal.buckets.cases import options_of_site
from s3portal.buckets.examining import examine_bucket
from s3portal.portal.doctor import Case, Use, examine_unfinished, impossible_bucket_name
from s3portal.portal.findings import Finding
from s3portal.transfer import Store, TransferError

COMMAND = "indico s3 doctor"
_JANITOR = "let Celery run the plugin's tasks: the janitor removes them daily at 03:30"
#: The options of a backend, by the settings of the transfers that they are.
_OPTIONS = {
    "s3_region": "region",
    "s3_endpoint": "host",
    "s3_public_endpoint": "public_host",
    "s3_access_key_id": "access_key",
    "s3_secret_access_key": "secret_key",
    "s3_session_token": "the session token",
    "s3_profile": "profile",
    "s3_sse": "sse",
}


def examine_buckets(name: str, storage: S3StorageBase, *, apply: bool) -> Iterator[Finding]:
    """The buckets that must be there, each from end to end. With ``apply``, missing ones are made, and the
    rules added that direct uploads need.
    """
    for bucket in _buckets(name, storage):
        try:
            store = storage.store(bucket)
            missing = _made_or_missing(name, storage, bucket, apply)
        except (ParamValidationError, TransferError, StorageError, OSError) as error:
            yield unusable_bucket(name, bucket, error)
            continue
        if missing is not None:
            yield missing
            continue
        case = _case(name, storage, store)
        findings = list(examine_bucket(case, apply=apply))
        yield from findings
        if case.browser_uploads is not Use.OFF and any(finding.subject == "upload" for finding in findings):
            yield from examine_unfinished(case, _JANITOR)


def _buckets(name: str, storage: S3StorageBase) -> list[str]:
    """The buckets that must be there. Of a dynamic backend that makes none, those that have files."""
    if isinstance(storage, DynamicS3Storage) and not _is_written(storage):
        return sorted(buckets_with_files(name))
    return storage.wanted_buckets()


def _is_written(storage: S3StorageBase) -> bool:
    return not isinstance(storage, ReadOnlyStorageMixin) and storage.write_refusal is None


def _made_or_missing(name: str, storage: S3StorageBase, bucket: str, apply: bool) -> Finding | None:
    """The finding for a bucket that is not there and was not made. What the store has against it otherwise is
    found out by examining it."""
    try:
        if storage.bucket_exists(bucket):
            return None
        if not apply or isinstance(storage, ReadOnlyStorageMixin) or impossible_bucket_name(bucket):
            return missing_bucket(name, storage, bucket)
        storage.make_bucket(bucket)
    except ParamValidationError:
        raise
    except (ClientError, BotoCoreError):
        return None
    return None


def _case(name: str, storage: S3StorageBase, store: Store) -> Case:
    bucket = "bucket_template" if isinstance(storage, DynamicS3Storage) else "bucket"
    uploads = Use.OFF
    if name == config.ATTACHMENT_STORAGE and _is_written(storage):
        uploads = Use.ON if direct_uploads_on() else Use.POSSIBLE
    return Case(
        place=name,
        store=store,
        site_url=config.BASE_URL,
        host=config.BASE_URL,
        command=COMMAND,
        setting=lambda setting: {**_OPTIONS, "s3_bucket": bucket}.get(setting, setting),
        is_written=_is_written(storage),
        browser_uploads=uploads,
        browser_downloads=storage.options.proxy == REDIRECT,
        # Keys are made of ids, which a restored database gives out again.
        keys_may_meet=True,
        permissions_page="docs/indico.md, Backends",
        bucket_options=options_of_site(store, _configuration_file(), name),
    )


def _configuration_file() -> Path | None:
    """The indico.conf of this site, as Indico itself looks for it."""
    try:
        return Path(get_config_path())
    except Exception:  # noqa: BLE001 (Indico says in a bare Exception that there is none)
        return None
