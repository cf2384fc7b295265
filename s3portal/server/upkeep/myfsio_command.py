"""``s3portal server import-myfsio``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from s3portal.server.kms.key_sources import KEY_SOURCE
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError
from s3portal.server.myfsio.folder import MyfsioFolder
from s3portal.server.storage.storage import Storage
from s3portal.server.upkeep.bodies import printable
from s3portal.server.upkeep.commands import CANNOT_RUN, CLEAN, FOUND, refusals, root_option
from s3portal.server.upkeep.myfsio_importing import import_myfsio

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("import-myfsio")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@root_option
@click.option(
    "--master-key",
    "master_key_file",
    type=_FILE,
    envvar="ENCRYPTION_MASTER_KEY_PATH",
    help="MyFSIO's master.key.  [default: the one in FOLDER]",
)
@click.option(
    "--kms-keys",
    "kms_keys_file",
    type=_FILE,
    envvar="KMS_KEYS_PATH",
    help="MyFSIO's kms_keys.json.  [default: the one in FOLDER]",
)
@click.pass_obj
def import_myfsio_command(
    default_root: Path,
    folder: Path,
    root: Path | None,
    master_key_file: Path | None,
    kms_keys_file: Path | None,
) -> None:
    """Take over MyFSIO's data folder FOLDER (its STORAGE_ROOT), of releases up to 0.2.1.

    Buckets with their settings, policies and quotas, objects with their metadata, tags and versions,
    encrypted ones too, users with their keys, the keys of the key management, connections, and replication
    rules, which are paused. Everything is compared with
    what FOLDER notes of it; FOLDER is only read. Neither this server nor MyFSIO may be running. May be run
    again, also after an interruption: what is there stays.

    Exit status: 0, or 1 if something was left out or failed, or 2 if nothing could be taken over.
    """
    place = root or default_root
    with refusals():
        try:
            found = MyfsioFolder(folder, master_key=master_key_file, kms_keys=kms_keys_file)
            storage = Storage(place)
            try:
                source = click.get_current_context().meta.get(KEY_SOURCE)
                done = import_myfsio(
                    storage,
                    found,
                    MasterKey(place, source),
                    on_problem=lambda message: click.echo(printable(message), err=True),
                )
            finally:
                storage.close()
        except (ValueError, MasterKeyError) as problem:
            click.echo(f"Error: {problem}", err=True)
            sys.exit(CANNOT_RUN)
    if done.rules:
        click.echo(
            "The replication rules are paused. Look at them with s3portal server replication status, and "
            "begin with resume."
        )
    click.echo(
        f"{done.buckets:,} buckets, {done.objects:,} objects and {done.versions:,} older versions "
        f"({done.bytes_read:,} bytes), {done.users:,} users, {done.keys:,} keys, "
        f"{done.connections:,} connections and {done.rules:,} replication rules taken over; "
        f"{done.unchanged:,} were there already, {len(done.left_out):,} left out, "
        f"{len(done.failed):,} failed."
    )
    sys.exit(FOUND if done.left_out or done.failed else CLEAN)
