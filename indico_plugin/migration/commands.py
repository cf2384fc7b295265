"""``indico s3 migrate``: the options, and what the commands print."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError
from flask.cli import with_appcontext
from indico.cli.core import cli_group
from indico.core.config import config
from indico.core.storage import Storage, StorageError
from indico.core.storage.backend import FileSystemStorage, ReadOnlyStorageMixin

from indico_plugin.backends import open_backend
from indico_plugin.migration.apply import FileRows, missing_backends, missing_files
from indico_plugin.migration.back import BringBack, require_stores
from indico_plugin.migration.bucket_rules import BucketRuleError, parse_rules, parse_static_rule
from indico_plugin.migration.copy import CopyTarget, CopyToS3
from indico_plugin.migration.mapping import MappingEntry
from indico_plugin.migration.stored_files import count_files
from indico_plugin.storage import S3StorageBase
from s3portal.portal.migration import (
    ApplyReport,
    CopyReport,
    MappingError,
    MappingWriter,
    copy_files,
    move_files,
    read_mapping,
    way_back,
)
from s3portal.portal.migration.progress import follow
from s3portal.portal.migration.rclone import RcloneUnusable, copy_by_rclone, require_rclone
from s3portal.portal.migration.terminal import change_rows, end, say_changed_since
from s3portal.transfer import SettingsError

_MAPPING = click.Path(dir_okay=False, path_type=Path)
_EXISTING_MAPPING = click.Path(exists=True, dir_okay=False, path_type=Path)
_THREADS = click.option(
    "--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="How many files at a time."
)


def _sources(meaning: str):
    """The option ``-s`` of the commands that move files."""
    return click.option("-s", "--source-backend", "sources", metavar="NAME", multiple=True, help=meaning)


@cli_group(name="migrate")
@with_appcontext
def migrate_commands():
    """Migrate files to S3, and back.

    `copy` copies the files to S3 while the site keeps running, and says what to add to indico.conf. With that
    added, `apply` makes Indico use the copies, and `revert` the old files again. `back` brings files from S3
    to local storage, including those uploaded after the migration.
    """
    if config.DB_LOG:
        click.secho("DB_LOG is on in indico.conf, which slows a migration down.", fg="yellow", err=True)


@migrate_commands.command(short_help="Copy files to S3.")
@_sources("The backends to copy from. By default, all that are not on S3.")
@click.option(
    "-B",
    "--bucket-name",
    "buckets",
    metavar="NAME",
    multiple=True,
    required=True,
    help="The bucket to copy to; several with conditions on the year of a file.",
)
@click.option(
    "-S",
    "--static-bucket-name",
    "static_bucket",
    metavar="NAME",
    help="A separate bucket for the packages of static sites. By default they go where other files go.",
)
@click.option("-e", "--s3-endpoint", metavar="URL", help="The store's address; by default, AWS.")
@click.option("-p", "--s3-profile", metavar="NAME", help="The profile of ~/.aws/credentials to use.")
@click.option("--region", metavar="NAME", help="The region of new buckets; by default, the profile's.")
@click.option(
    "-P",
    "--s3-bucket-policy",
    "policy_file",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with a policy for the buckets that are created.",
)
@click.option(
    "-r", "--rclone", metavar="REMOTE", help="Let rclone do the copying, to this remote of its configuration."
)
@_THREADS
@click.argument("path", type=_MAPPING)
def copy(
    sources, buckets, static_bucket, s3_endpoint, s3_profile, region, policy_file, rclone, threads, path
):
    """Copy files to S3, and write to PATH what that changes.

    The database does not change. Every file is verified. If the command is stopped or killed, run it again:
    it resumes where it stopped.

    Buckets can be chosen by the year a file is from. The last one has no condition and is for all other
    files:

    \b
        -B '<2001:indico-pre-2001'
        -B '<2009:indico-<year>'
        -B 'indico-<year>-<month>'

    A backend of indico.conf gets the name of its bucket, unless another name follows: with
    'indico-<year>/s3-<year>' the bucket indico-2018 belongs to the backend s3-2018.
    """  # fmt: skip
    sources = _opened(sources) or [name for name in config.STORAGE_BACKENDS if not _on_s3(name)]
    try:
        target = CopyTarget(
            connection=_given(
                host=s3_endpoint, profile=s3_profile, region=region, bucket_policy_file=policy_file
            ),
            rules=parse_rules(buckets),
            static_rule=parse_static_rule(static_bucket) if static_bucket else None,
        )
        if rclone:
            require_rclone()
            _require_folders(sources)
        mapping = MappingWriter(path, MappingEntry.from_line)
    except (BucketRuleError, MappingError, RcloneUnusable) as error:
        raise click.UsageError(str(error)) from error
    if count_files(sources)[0]:
        with _store_errors():
            target.require_store()
    move, report = CopyToS3(sources, target), CopyReport()
    with mapping:
        files = (
            copy_by_rclone(move, mapping, rclone, report)
            if rclone
            else copy_files(move, mapping, threads, report)
        )
        follow("Copying", count_files(sources), files, report)
    click.echo(f"{report.copied} files copied, {report.recorded_before} were copied before.")
    if move.backends:
        click.echo("Add these to STORAGE_BACKENDS in indico.conf, then run `indico s3 migrate apply`:")
        for name, definition in sorted(move.backends.items()):
            click.echo(f"    {name!r}: {definition!r},")
    end(report.failures, "Run the same command again to retry them.")


@migrate_commands.command(short_help="Make Indico use the copies.")
@click.argument("path", type=_EXISTING_MAPPING)
def apply(path):
    """Make Indico use the copies that PATH lists."""
    _change_rows(path, list)


@migrate_commands.command(short_help="Make Indico use the old files again.")
@click.argument("path", type=_EXISTING_MAPPING)
def revert(path):
    """Undo `apply`: make Indico use the old files again."""
    _change_rows(path, way_back)


@migrate_commands.command(short_help="Bring files from S3 to local storage.")
@_sources("The backends to bring files from. By default, all that are on S3.")
@click.option(
    "-t",
    "--to",
    "target",
    metavar="NAME",
    help="The local backend to bring them to. By default, the only writable one.",
)
@_THREADS
@click.argument("path", type=_MAPPING)
def back(sources, target, threads, path):
    """Bring files from S3 to local storage, and write to PATH how that can be reverted.

    Every file is verified before Indico uses it from there. The objects stay on S3. If the command is
    stopped or killed, run it again: it resumes where it stopped.

    Where an earlier `apply` was from local files that are still there, `revert` it first: that copies
    nothing. """  # fmt: skip
    sources = _opened(sources) or [name for name in config.STORAGE_BACKENDS if _on_s3(name)]
    if elsewhere := [name for name in sources if not _on_s3(name)]:
        raise click.UsageError(f"{elsewhere[0]} is not on S3.")
    target = target or _only_local_backend()
    if not _is_writable_folder(target):
        raise click.UsageError(f"{target} is not a backend in the file system that can be written to.")
    try:
        mapping = MappingWriter(path, MappingEntry.from_line)
    except MappingError as error:
        raise click.UsageError(str(error)) from error
    if count_files(sources)[0]:
        with _store_errors():
            require_stores(sources)
    report, applied = CopyReport(), ApplyReport()
    with mapping:
        files = move_files(BringBack(sources, target), FileRows(), mapping, threads, report, applied)
        follow("Bringing back", count_files(sources), files, report)
    click.echo(f"{report.copied} files are now in {target}.")
    say_changed_since(applied)
    end(report.failures, "Run the same command again to retry them.")


def _change_rows(path: Path, direction: Callable[[list[MappingEntry]], list[MappingEntry]]) -> None:
    try:
        entries = direction(list(read_mapping(path, MappingEntry.from_line)))
    except MappingError as error:
        raise click.UsageError(str(error)) from error
    if missing := missing_backends(entries):
        raise click.ClickException(
            f"STORAGE_BACKENDS in indico.conf has no {', '.join(sorted(missing))}:"
            " add what `migrate copy` said."
        )
    if wrong := list(missing_files(entries)):
        raise click.ClickException(f"Nothing was changed. {' '.join(wrong)}")
    change_rows(FileRows(), entries)


@contextmanager
def _store_errors() -> Iterator[None]:
    """What a store refuses altogether, as a sentence; otherwise every single file would fail with it."""
    try:
        yield
    except (SettingsError, StorageError, ClientError, BotoCoreError) as error:
        raise click.ClickException(f"The store cannot be used: {error}") from error


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _open(name: str) -> Storage:
    try:
        return open_backend(name)
    except StorageError as error:
        raise click.UsageError(str(error)) from error


def _opened(names: Sequence[str]) -> Sequence[str]:
    """These names, of backends that can be opened."""
    for name in names:
        _open(name)
    return names


def _require_folders(names: Sequence[str]) -> None:
    """Raises RcloneUnusable where rclone cannot be pointed at one of these backends."""
    for name in names:
        if not isinstance(_open(name), FileSystemStorage):
            raise RcloneUnusable(f"{name} is not in the file system, so rclone cannot copy from it.")


def _on_s3(name: str) -> bool:
    return isinstance(_open(name), S3StorageBase)


def _is_writable_folder(name: str) -> bool:
    storage = _open(name)
    return isinstance(storage, FileSystemStorage) and not isinstance(storage, ReadOnlyStorageMixin)


def _only_local_backend() -> str:
    names = [name for name in config.STORAGE_BACKENDS if _is_writable_folder(name)]
    if len(names) != 1:
        raise click.UsageError(f"Choose the local backend with -t: {', '.join(names) or 'there is none'}.")
    return names[0]
