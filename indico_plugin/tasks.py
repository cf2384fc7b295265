"""What Celery does for the plugin: buckets before they are needed, checksums after, and tidying up."""

import hashlib

from celery.schedules import crontab
from indico.core.celery import celery
from indico.core.db import db
from indico.core.storage import StorageError
from indico.core.storage.backend import get_storage
from indico.modules.attachments.models.attachments import AttachmentFile

from indico_plugin.backends import writable_s3_backends
from indico_plugin.direct_upload import janitor
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.plugin_settings import logger

_CHUNK_BYTES = 1024 * 1024


# The name under which sites may have the task in SCHEDULED_TASK_OVERRIDE of their indico.conf.
@celery.periodic_task(
    name="indico_storage_s3.task.create_bucket", run_every=crontab(minute=0, hour=1), plugin="storage_s3"
)
def create_buckets_ahead():
    """Makes the buckets of the coming days, of every dynamic backend. One that fails does not stop the rest.

    Raises the first failure at the end, so that Celery's log and monitoring show it.
    """
    failures = []
    for backend_name, storage in writable_dynamic_storages():
        try:
            buckets = storage.wanted_buckets()
        except StorageError as error:
            logger.error("Backend %s: %s", backend_name, error)
            failures.append(error)
            continue
        for bucket in buckets:
            try:
                storage.make_bucket(bucket)
            except Exception as error:  # noqa: BLE001 (whatever a store does must not stop the other backends)
                logger.exception("Backend %s: bucket %s could not be created", backend_name, bucket)
                failures.append(error)
    if failures:
        raise failures[0]


@celery.periodic_task(name="storage_s3.janitor", run_every=crontab(minute=30, hour=3), plugin="storage_s3")
def tidy_up():
    """Removes what no one finished, and starts the checksums that are still missing."""
    janitor.remove_expired_uploads()
    janitor.abort_stale_multiparts()
    for file_id in janitor.files_without_md5():
        compute_md5.delay(file_id)


@celery.task(name="storage_s3.compute_md5", ignore_result=True, plugin="storage_s3")
def compute_md5(file_id: int):
    """The true MD5 of a directly uploaded file, which Indico shows as its checksum. Reads the file once.

    A file that is gone, or has its MD5, is left alone.
    """
    file = AttachmentFile.get(file_id)
    if file is None or file.md5:
        return
    md5 = hashlib.md5(usedforsecurity=False)
    backend, storage_file_id = file.storage_backend, file.storage_file_id
    # Reading 60 GB takes minutes, in which no transaction should stay open.
    db.session.commit()
    with get_storage(backend).open(storage_file_id) as content:
        while chunk := content.read(_CHUNK_BYTES):
            md5.update(chunk)
    AttachmentFile.query.filter_by(id=file_id, storage_file_id=storage_file_id).update(
        {"md5": md5.hexdigest()}
    )
    db.session.commit()


def writable_dynamic_storages():
    """The backends that get a bucket for each period: ``(name, storage)``."""
    for name, storage in writable_s3_backends():
        if isinstance(storage, DynamicS3Storage):
            yield name, storage
