"""``ckan s3multipart migrate``: the options, and what the commands print."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ckanext.s3multipart.moving.adopting import AdoptObjects
from ckanext.s3multipart.moving.bringing_back import BringBack
from ckanext.s3multipart.moving.copying import CopyToStore, MovingFile
from ckanext.s3multipart.moving.mapping import ResourceChange
from ckanext.s3multipart.moving.resources import count_resources, with_our_file
from ckanext.s3multipart.moving.rows import ResourceRows
from ckanext.s3multipart.moving.sources import links, local_storage
from ckanext.s3multipart.moving.sources.choice import SOURCES, folder_of_ckan, open_source
from ckanext.s3multipart.moving.sources.interface import NotUsable
from ckanext.s3multipart.moving.sources.other_extensions import GivenBucket
from ckanext.s3multipart.settings import portal_store
from s3portal.portal.migration import (
    ApplyReport,
    CopyReport,
    FileT,
    MappingError,
    MappingWriter,
    Move,
    copy_files,
    move_files,
    read_mapping,
    survey,
    way_back,
)
from s3portal.portal.migration.progress import follow
from s3portal.portal.migration.terminal import change_rows, end, say_changed_since
from s3portal.transfer import StoreError, format_size, list_page

_MAPPING = click.Path(dir_okay=False, path_type=Path)
_EXISTING_MAPPING = click.Path(exists=True, dir_okay=False, path_type=Path)
_AGAIN = "Run the same command again to retry them."
_THREADS = click.option(
    "--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="How many files at a time."
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group(name="migrate", short_help="Move existing files to the store, and back.")
def migrate() -> None:
    """Move the files that a site has to the store, and back.

    `copy` copies files while the site keeps running, and writes to a mapping file what that changes. `apply`
    makes CKAN use the copies, and `revert` the old files again. `back` brings files from the store to CKAN's
    own storage. All of them can be stopped, or killed, and run again. None of them deletes a file.

    The exit code is 1 if something was not moved.
    """


@migrate.command(short_help="Copy files to the store.")
@click.option(
    "--from",
    "source_name",
    type=click.Choice(SOURCES),
    default=local_storage.NAME,
    show_default=True,
    help="What has the files now.",
)
@click.option("--bucket", default="", help="The old bucket. By default, as the old extension's settings say.")
@click.option("--path-prefix", default="", help="What keys in the old bucket begin with.")
@click.option("--endpoint", default="", help="The old store's address. By default, as the settings say.")
@click.option("--region", default="", help="The old bucket's region.")
@click.option("--profile", default="", help="The profile of ~/.aws/credentials with keys of the old bucket.")
@click.option(
    "--list",
    "list_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For links: a file with a resource's id and the key of its object in each line.",
)
@click.option("--adopt", is_flag=True, help="For links: use the listed objects where they are.")
@click.option("--may-delete", is_flag=True, help="Adopted objects are deleted with their resources.")
@_THREADS
@_DRY_RUN
@click.argument("path", type=_MAPPING, metavar="MAPPING")
def copy(
    source_name: str,
    bucket: str,
    path_prefix: str,
    endpoint: str,
    region: str,
    profile: str,
    list_path: Path | None,
    adopt: bool,
    may_delete: bool,
    threads: int,
    dry_run: bool,
    path: Path,
) -> None:
    """Copy files to the store, and write to MAPPING what that changes.

    The database does not change, and links stay as they are. Every file is verified by its checksum. Run the
    command once more shortly before `apply`, to copy what is new.

    `--from links` is for resources whose URL is a plain S3 URL of the bucket. Objects that everybody may read
    are copied; others only if `--list` says that they belong to their resources. With `--adopt`, the listed
    objects are not copied but used where they are.
    """
    given = GivenBucket(bucket, endpoint, region, profile, path_prefix)
    if (list_path or adopt) and source_name != links.NAME:
        raise click.UsageError("--list and --adopt are for --from links.")
    if adopt and (list_path is None or given != GivenBucket()):
        raise click.UsageError("--adopt needs --list, and is for objects of the portal's own bucket.")
    if may_delete and not adopt:
        raise click.UsageError("--may-delete is for --adopt.")
    with _usage_errors():
        listed = links.read_list(list_path) if list_path else {}
        move: CopyToStore | AdoptObjects
        if adopt:
            move, condition = AdoptObjects(listed, may_delete=may_delete), links.links()
        else:
            source = open_source(source_name, given, listed)
            move, condition = CopyToStore(source), source.condition()
        if dry_run:
            _say_survey(move, path)
            return
        _require_store()
        mapping = MappingWriter(path, ResourceChange.from_line)
    report = CopyReport()
    with mapping:
        files: Iterator[MovingFile] = copy_files(move, mapping, threads, report)
        follow("Copying", count_resources(condition), files, report)
    click.echo(f"{report.copied:,} files copied, {report.recorded_before:,} were copied before.")
    if not report.failures:
        click.echo(f"Now run `ckan s3multipart migrate apply {path}`.")
    end(report.failures, _AGAIN)


@migrate.command(short_help="Make CKAN use the copies.")
@_DRY_RUN
@click.argument("path", type=_EXISTING_MAPPING, metavar="MAPPING")
def apply(dry_run: bool, path: Path) -> None:
    """Make CKAN use the copies that MAPPING lists. A resource whose file was replaced since stays as it is,
    and is named."""
    _change_rows(path, list, dry_run)


@migrate.command(short_help="Make CKAN use the old files again.")
@_DRY_RUN
@click.argument("path", type=_EXISTING_MAPPING, metavar="MAPPING")
def revert(dry_run: bool, path: Path) -> None:
    """Undo `apply`, or `back`: make CKAN use the files again that it used before. A resource whose file was
    replaced since stays as it is, and is named."""
    _change_rows(path, way_back, dry_run)


@migrate.command(short_help="Bring files from the store to CKAN's own storage.")
@_THREADS
@_DRY_RUN
@click.argument("path", type=_MAPPING, metavar="MAPPING")
def back(threads: int, dry_run: bool, path: Path) -> None:
    """Bring all files from the store to CKAN's own storage, and write to MAPPING how that can be reverted.

    Every file is verified before CKAN uses it from there. The objects stay in the store. What is on the disk
    already is compared and not copied.
    """
    with _usage_errors():
        move = BringBack(folder_of_ckan())
        if dry_run:
            _say_survey(move, path)
            return
        _require_store()
        mapping = MappingWriter(path, ResourceChange.from_line)
    report, applied = CopyReport(), ApplyReport()
    with mapping:
        files = move_files(move, ResourceRows(), mapping, threads, report, applied)
        follow("Bringing back", count_resources(with_our_file()), files, report)
    click.echo(f"{report.copied:,} files are now in CKAN's own storage.")
    say_changed_since(applied)
    end([*report.failures, *applied.failures], _AGAIN)


def _change_rows(
    path: Path, direction: Callable[[list[ResourceChange]], list[ResourceChange]], dry_run: bool
) -> None:
    with _usage_errors():
        changes = direction(list(read_mapping(path, ResourceChange.from_line)))
        if any(change.new.upload is not None for change in changes):
            _require_store()
    if dry_run:
        click.echo("This is a dry run: nothing is changed.")
    if change_rows(ResourceRows(dry_run=dry_run), changes).changed_since:
        raise click.exceptions.Exit(1)


def _say_survey(move: Move[FileT, ResourceChange], path: Path) -> None:
    """Says what a run would do, and exits with 1 where some files cannot be moved."""
    earlier = read_mapping(path, ResourceChange.from_line) if path.exists() else ()
    report = CopyReport()
    count, size_bytes = survey(move, earlier, report)
    click.echo(
        f"{count:,} files of {format_size(size_bytes)} would be moved,"
        f" {report.recorded_before:,} were copied before. Nothing was done."
    )
    if report.failures:
        end(report.failures, "The others can be moved.")


def _require_store() -> None:
    """Raises what the store says of the portal's keys and address, before any file is read: otherwise every
    single file would fail with it."""
    list_page(portal_store(), "", most=1)


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except MappingError as error:
        raise click.UsageError(str(error)) from error
    except NotUsable as error:
        raise click.ClickException(str(error)) from error
    except StoreError as error:
        raise click.ClickException(f"The store cannot be used: {error}") from error
