"""Options that all commands share, and how a command ends: its exit code, and what it says then."""

import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.access import Access, AccessOptions, open_access
from s3portal.buckets.commands.console import Console
from s3portal.buckets.problems import (
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    EXIT_USAGE,
    BucketProblem,
    Unusable,
)
from s3portal.transfer import Store, TransferError

Command = TypeVar("Command", bound=Callable[..., Any])

_ACCESS = (
    click.option("--endpoint", metavar="URL", default="", help="The store's address, if it is not AWS."),
    click.option("--region", metavar="NAME", default="", help="The bucket's region, such as ap-southeast-2."),
    click.option("--profile", metavar="NAME", default="", help="The profile of ~/.aws to use."),
    click.option("--role", metavar="ARN", default="", help="A role to assume first."),
    click.option(
        "--addressing-style", type=click.Choice(["auto", "path", "virtual"]), default=None,
        help="Whether the bucket's name is in the path or in the host.",
    ),
    click.option(
        "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
        help="Take store and keys from a CKAN .ini file, an indico.conf or a .s3cfg.",
    ),
    click.option(
        "--backend", metavar="NAME", default="", help="The entry of STORAGE_BACKENDS in an indico.conf."
    ),
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Answer in JSON lines, for programs.")
_CHANGING = (
    click.option("--dry-run", is_flag=True, help="Only show what would change."),
    click.option("--yes", "assume_yes", is_flag=True, help="Do not ask."),
)


def bucket_command(*, changes: bool = False) -> Callable[[Command], Command]:
    """Gives a command the shared options, and calls it with a Console and an Access in their place. What it
    raises becomes a sentence and an exit code."""

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def command(
            *,
            endpoint: str,
            region: str,
            profile: str,
            role: str,
            addressing_style: str | None,
            config: Path | None,
            backend: str,
            as_json: bool,
            dry_run: bool = False,
            assume_yes: bool = False,
            **arguments: Any,
        ) -> None:
            console = Console(as_json=as_json, dry_run=dry_run, assume_yes=assume_yes)
            options = AccessOptions(
                endpoint=endpoint,
                region=region,
                profile=profile,
                role=role,
                addressing_style=addressing_style or "",
                config=config,
                backend=backend,
            )
            ending_with_a_sentence(lambda: function(console, open_access(options), **arguments))

        for option in (*(_CHANGING if changes else ()), _JSON, *_ACCESS[::-1]):
            command = option(command)
        return command  # type: ignore[return-value]

    return decorate


def ending_with_a_sentence(run: Callable[[], object]) -> None:
    """Runs a command; problems end it with their sentence and their exit code, and Ctrl-C with 130."""
    # What the log says of a failed call, the sentence says too.
    logging.getLogger("s3portal").addHandler(logging.NullHandler())
    try:
        code = run()
    except BucketProblem as problem:
        click.echo(f"Error: {problem}", err=True)
        sys.exit(problem.exit_code)
    except TransferError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_REFUSED)
    except OSError as error:
        # A file of this machine: a report that cannot be written, a full disk.
        if error.filename is None:
            raise
        click.echo(f"Error: {error.filename}: {error.strerror}", err=True)
        sys.exit(EXIT_USAGE)
    except (ClientError, BotoCoreError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_REFUSED)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. What is done stays done; the same command continues.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    if isinstance(code, int) and code:
        sys.exit(code)


def bucket_of(access: Access, name: str | None) -> Store:
    """The bucket that was named, as ``files`` or ``s3://files``, or the configuration's. Raises Unusable."""
    given = (name or "").removeprefix("s3://").rstrip("/")
    if "/" in given:
        raise Unusable(f"{name}: name the bucket alone, without a path")
    bucket = given or access.configured_bucket
    if not bucket:
        raise Unusable("name the bucket, or give --config with a configuration that names one")
    return access.store(bucket)


bucket_argument = click.argument("bucket", required=False)
#: Where another argument follows.
required_bucket = click.argument("bucket")
