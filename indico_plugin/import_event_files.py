"""Files of an event that comes from another Indico, copied from its buckets: the handler of
``indico event import-files`` (Indico 3.3).

The store itself copies where both buckets are behind one endpoint; between two stores the file goes
through this process, a few parts at a time. Nothing is overwritten, and a run that was stopped resumes
with the same command.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from indico.core.storage import Storage, StorageError
from indico.core.storage.backend import ReadOnlyStorageMixin

from indico_plugin.backends import open_backend
from indico_plugin.object_writer import NOT_THERE, write_object
from indico_plugin.storage import S3StorageBase
from s3portal.transfer import Store, encryption_arguments, error_code

#: Backend and id of a file.
Place = tuple[str, str]


class NotCopied(Exception):
    """One file that could not be copied, and why."""


def copy_files(mapping: Iterable[tuple[Place, Place]], backends: Mapping[str, Storage]) -> None:
    """Copies each file from its backend of the other Indico to its backend of this one; exits 1 where one
    could not be copied.

    ``mapping`` has ``((backend there, file id), (backend here, file id))``, as ``import-files`` reads it;
    ``backends`` are those of the other Indico by name.
    """
    failed = 0
    files = sorted(mapping)
    targets = {name: _target(name) for name in {target[0] for _, target in files}}
    if elsewhere := sorted(name for name, each in backends.items() if not isinstance(each, S3StorageBase)):
        sys.exit(f"Nothing was copied: {', '.join(elsewhere)} of the other Indico is not on S3.")
    for (source_name, source_id), (target_name, target_id) in files:
        try:
            size_bytes = _copy_file(backends[source_name], source_id, targets[target_name], target_id)
            click.echo(f"{source_id} -> {target_id}: {size_bytes:,} bytes")
        except (NotCopied, StorageError, ClientError, BotoCoreError, OSError) as error:
            failed += 1
            click.secho(f"{source_id}: not copied: {error}", fg="red", err=True)
    if failed:
        sys.exit(f"{failed} of {len(files)} files were not copied. Run the same command again to retry them.")
    click.secho(f"All {len(files)} files have been copied.", fg="green")


def _target(name: str) -> S3StorageBase:
    storage = open_backend(name)
    if not isinstance(storage, S3StorageBase) or isinstance(storage, ReadOnlyStorageMixin):
        sys.exit(f"Nothing was copied: {name} of this Indico is not an S3 backend that can be written to.")
    return storage


def _copy_file(source: S3StorageBase, source_id: str, target: S3StorageBase, target_id: str) -> int:
    """Copies one file and returns its size in bytes. A file that was copied before is only compared."""
    source_bucket, source_key = source.locate(source_id)
    bucket, key = target.locate(target_id)
    from_store, to_store = source.store(source_bucket), target.store(bucket)
    head = from_store.client().head_object(Bucket=source_bucket, Key=source_key)
    if not _is_there(to_store, key, head):
        make_bucket = target.bucket_maker(bucket)
        if make_bucket is not None and not target.bucket_exists(bucket):
            make_bucket()
        if target.options.host == source.options.host:
            _copy_at_the_store(from_store, source_key, to_store, key, head)
        else:
            with source.open(source_id) as content:
                write_object(to_store, key, head["ContentType"], content)
        if not _is_there(to_store, key, head):
            raise NotCopied(f"{key} in {bucket} is not there after it was copied")
    return head["ContentLength"]


def _is_there(store: Store, key: str, expected: Any) -> bool:
    """Whether the file is there already. Raises NotCopied where another one is in its place."""
    try:
        found = store.client().head_object(Bucket=store.bucket, Key=key)
    except ClientError as error:
        if error_code(error) in (*NOT_THERE, "NoSuchBucket"):
            return False
        raise
    noted = [head["Metadata"].get("md5chksum") for head in (found, expected)]
    if found["ContentLength"] != expected["ContentLength"] or (all(noted) and noted[0] != noted[1]):
        raise NotCopied(f"there is a different file under {key} in {store.bucket}")
    return True


def _copy_at_the_store(source: Store, source_key: str, target: Store, key: str, head: Any) -> None:
    """No byte of the file comes here. Above 8 MiB boto3 copies in parts, and then the metadata are ours to
    set.
    """
    described = {
        name: head[name] for name in ("ContentType", "ContentDisposition", "Metadata") if name in head
    }
    target.client().copy(
        CopySource={"Bucket": source.bucket, "Key": source_key},
        Bucket=target.bucket,
        Key=key,
        SourceClient=source.client(),
        ExtraArgs={
            **described,
            "MetadataDirective": "REPLACE",
            **encryption_arguments(target.settings.s3_sse),
        },
    )
