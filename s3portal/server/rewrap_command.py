"""``s3portal server rewrap``, on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import click

from s3portal.server.config import PREFIX, ServerConfig, add_environment, read_config_file
from s3portal.server.config_values import ConfigError
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError
from s3portal.server.rewrapping import rewrap
from s3portal.server.storage.migrations import NotUpgraded, OtherVersion
from s3portal.server.storage.storage import Storage, StorageInUse
from s3portal.server.upkeep.commands import root_option

_PATH = click.Path(path_type=Path)


@click.command("rewrap")
@click.argument("named", metavar="[ROOT]", type=_PATH, required=False)
@root_option
@click.option(
    "--config", "config_file", type=_PATH, envvar=f"{PREFIX}CONFIG", help="The server's configuration file."
)
@click.option("--new-key", is_flag=True, help="Make a new key in the key's file first.")
@click.pass_obj
def rewrap_command(
    default_root: Path, named: Path | None, root: Path | None, config_file: Path | None, new_key: bool
) -> None:
    """Seal all secrets in the folder ROOT of a server again, with the first of its master keys.

    The server must not be running. The content of objects is not written again: the keys of objects are
    sealed, not the objects themselves. Make a backup of the new key when it is done.
    """
    if named is not None and root is not None:
        raise click.UsageError("Name the folder once: as ROOT, or by --root.")
    folder = named or root or default_root
    if not (folder / "metadata.sqlite3").is_file():
        raise click.ClickException(f"{folder} is not the folder of a server: it has no metadata.sqlite3")
    try:
        config = add_environment(read_config_file(config_file) if config_file else ServerConfig(), os.environ)
        storage = Storage(folder, config.disk_reserve_bytes)
        try:
            done = rewrap(storage, MasterKey(folder, config.master_key), renew=new_key)
        finally:
            storage.close()
    except StorageInUse as used:
        raise click.ClickException(f"{used}: stop it first") from used
    except (ValueError, ConfigError, MasterKeyError, OtherVersion, NotUpgraded, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"{done.values:,} values are sealed with the master key {done.key_id}.")
    if done.path is None:
        click.echo("The old key is no longer needed; take it out of the variable or the command's output.")
    else:
        click.echo(f"It is in {done.path}: make a backup of it, apart from the backups of the folder.")
