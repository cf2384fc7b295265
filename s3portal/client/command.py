"""``s3portal upload``: files to a dataset, from a shell."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from s3portal.client.ckan import CkanPortal
from s3portal.client.errors import UploadFailed
from s3portal.client.publishing import Target, publish_file
from s3portal.client.reporting import JsonReport, TerminalReport
from s3portal.client.sending import PARALLEL_PARTS

TOKEN_VARIABLE = "S3PORTAL_TOKEN"  # noqa: S105  (its name)
MAX_CONCURRENCY = 16
EXIT_FAILED = 1
# 128 and the number of SIGINT, as shells have it.
EXIT_INTERRUPTED = 130


@click.command("upload", short_help="Publish files of any size in a dataset.")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--portal", "portal_url", envvar="S3PORTAL_URL", metavar="URL",
    help="The portal's address, or set S3PORTAL_URL.",
)  # fmt: skip
@click.option("--dataset", required=True, metavar="NAME", help="The dataset's name, or its id.")
@click.option("--resource", default="", metavar="ID", help="Replace the file of this resource.")
@click.option("--name", default="", help="The resource's name; by default, the file's name.")
@click.option("--description", default="", help="The resource's description.")
@click.option("--format", "file_format", default="", help="The resource's format, such as NetCDF.")
@click.option(
    "--concurrency", type=click.IntRange(1, MAX_CONCURRENCY), default=PARALLEL_PARTS, show_default=True,
    help="How many parts are sent at a time.",
)  # fmt: skip
@click.option(
    "--credentials", "session_credentials", is_flag=True,
    help="Sign the parts on this machine, with session credentials from the portal.",
)  # fmt: skip
@click.option("--restart", is_flag=True, help="Give up an unfinished upload of the same name and start over.")
@click.option("--json", "as_json", is_flag=True, help="Report progress as JSON lines, for programs.")
def upload_command(
    files: tuple[Path, ...],
    portal_url: str | None,
    dataset: str,
    resource: str,
    name: str,
    description: str,
    file_format: str,
    concurrency: int,
    session_credentials: bool,
    restart: bool,
    as_json: bool,
) -> None:
    """Publish files of any size in a dataset: straight to the portal's store, checksums compared.

    Set S3PORTAL_TOKEN to your API token (on your user page, under API Tokens). If an upload is interrupted,
    run the same command again: it resumes where it stopped. Each new link is a line on stdout.

    Exit code 0: all are published; 1: some failed; 2: the command cannot be run as given; 130: interrupted.
    """
    if not portal_url:
        raise click.UsageError("Give the portal's address with --portal, or set S3PORTAL_URL.")
    if not _is_address(portal_url):
        raise click.UsageError("--portal must be an address such as https://data.example.org")
    if len(files) > 1 and (name or resource):
        raise click.UsageError("--name and --resource can be used with one file only.")
    token = _token()
    target = Target(
        dataset=dataset, resource=resource, name=name, description=description, format=file_format
    )
    report = JsonReport(sys.stdout) if as_json else TerminalReport(len(files), stdout=sys.stdout)
    portal = CkanPortal(portal_url, token, waiting=report.waiting)
    left = list(files)
    failed: list[Path] = []
    try:
        with report:
            while left:
                path = left[0]
                report.next_file(str(path))
                try:
                    published = publish_file(
                        portal,
                        path,
                        target,
                        report=report,
                        concurrency=concurrency,
                        restart=restart,
                        session_credentials=session_credentials,
                    )
                except UploadFailed as error:
                    failed.append(path)
                    report.failed(str(path), error.code, str(error))
                else:
                    report.published(str(path), published)
                left.pop(0)
            report.ended(len(files) - len(failed), len(failed))
    except KeyboardInterrupt:
        click.echo(
            f"Interrupted. What is stored is kept. To resume:\n  {_command_to_go_on([*failed, *left])}",
            err=True,
        )
        sys.exit(EXIT_INTERRUPTED)
    if failed:
        sys.exit(EXIT_FAILED)


def _is_address(url: str) -> bool:
    try:
        return url.startswith(("https://", "http://")) and bool(parse_url(url).host)
    except LocationParseError:
        return False


def _token() -> str:
    """The API token. It is not an option, since everyone on the machine can see the options of a process."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise click.UsageError(
            f"{TOKEN_VARIABLE} is not set. Create an API token on your user page in the portal, under API"
            f" Tokens, and put it into the environment:  export {TOKEN_VARIABLE}=..."
        )
    if not (token.isascii() and token.isprintable()):
        raise click.UsageError(
            f"{TOKEN_VARIABLE} holds a character that no API token has, such as a line end or a curly quote."
            " Copy the token again."
        )
    return token


def _command_to_go_on(files: list[Path]) -> str:
    """The same command for the files that are not published yet. Without --restart: what this one has stored
    is not to be given up."""
    given = click.get_current_context().params
    options = [
        ("--portal", given["portal_url"]),
        ("--dataset", given["dataset"]),
        ("--resource", given["resource"]),
        ("--name", given["name"]),
        ("--description", given["description"]),
        ("--format", given["file_format"]),
        ("--concurrency", "" if given["concurrency"] == PARALLEL_PARTS else str(given["concurrency"])),
    ]
    words = [word for option, value in options if value for word in (option, value)]
    flags = {"--credentials": given["session_credentials"], "--json": given["as_json"]}
    words += [flag for flag, is_given in flags.items() if is_given]
    return shlex.join(["s3portal", "upload", *words, "--", *map(str, files)])
