"""``indico s3``: the commands of the plugin for the administrator's terminal."""

import sys

import click
from indico.cli.core import cli_group
from indico.core.config import config
from indico.core.storage import StorageError

from indico_plugin.backends import is_writable_s3, open_backend
from indico_plugin.direct_upload.commands import uploads_commands
from indico_plugin.doctor import examine
from indico_plugin.migration.commands import migrate_commands
from indico_plugin.storage import S3StorageBase
from s3portal.portal.findings import report


@cli_group(name="s3")
def s3_commands():
    """Manage S3 storage."""


@s3_commands.command("create-bucket")
@click.option("--storage", metavar="NAME", help="Only for this entry of STORAGE_BACKENDS.")
def create_bucket(storage):
    """Create the buckets that new files go to.

    For a backend with dynamic buckets, this includes those of the coming days.
    """
    if storage is not None and storage not in config.STORAGE_BACKENDS:
        sys.exit(f"Storage {storage} does not exist")
    failed = False
    for name in [storage] if storage else config.STORAGE_BACKENDS:
        try:
            backend = open_backend(name)
        except StorageError as error:
            click.secho(f"Storage {name}: {error}", fg="red", err=True)
            failed = True
            continue
        if is_writable_s3(backend):
            failed |= not _create_buckets(name, backend)
        elif storage is not None:
            kind = "read-only" if isinstance(backend, S3StorageBase) else "not an s3 storage"
            sys.exit(f"Storage {name} is {kind}")
    sys.exit(1 if failed else 0)


def _create_buckets(name: str, backend: S3StorageBase) -> bool:
    """Says what became of each bucket, and whether all are there now."""
    try:
        buckets = backend.wanted_buckets()
    except StorageError as error:
        click.secho(f"Storage {name}: {error}", fg="red", err=True)
        return False
    for bucket in buckets:
        try:
            made = backend.make_bucket(bucket)
        except Exception as error:  # noqa: BLE001 (the terminal gets a sentence, whatever the store does)
            click.secho(f"Storage {name}: bucket {bucket} could not be created: {error}", fg="red", err=True)
            return False
        click.echo(f"Storage {name}: bucket {bucket} {'created' if made else 'already exists'}")
    return True


@s3_commands.command(short_help="Find mistakes and say how to fix them.")
@click.option("--apply", is_flag=True, help="Make missing buckets, and the rules that direct uploads need.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def doctor(apply, as_json):
    """Find mistakes in the configuration, and say how to fix them.

    Sends a file to each bucket and reads it as a browser would, and removes it again. The exit code is 1 if
    something is wrong.
    """
    report(examine(apply=apply), as_json=as_json)


s3_commands.add_command(migrate_commands)
s3_commands.add_command(uploads_commands)
