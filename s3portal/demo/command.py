"""The demo's command line: starts the portal, says what to try, and stops everything at the end."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from s3portal.demo.failure import DemoError
from s3portal.demo.people import ADMIN, DATASET, PUBLISHER, READER
from s3portal.demo.portal import Portal
from s3portal.demo.process import is_free
from s3portal.demo.publish import publish_and_verify
from s3portal.demo.s3 import ADMIN as S3_ADMIN
from s3portal.demo.s3 import BUCKET
from s3portal.demo.state import MIN_FREE_BYTES, require_room, reset, sole_use

DEFAULT_PORT = 5000
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (compared with, not bound to)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--port", type=click.IntRange(1, 65533), default=DEFAULT_PORT, show_default=True, help="CKAN's port."
)
@click.option(
    "--s3-port", type=click.IntRange(1, 65535), help="The S3 server's port.  [default: the one after CKAN's]"
)
@click.option(
    "--console-port",
    type=click.IntRange(1, 65535),
    help="The port of the S3 server's console.  [default: the one after the S3 server's]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where everything is kept.",
)
@click.option("--reset", "forget", is_flag=True, help="Forget all data, users and passwords, and start over.")
@click.option(
    "--publish",
    "file",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    metavar="FILE",
    help="Publish this file, download it by its link, compare the two, and stop.",
)
def main(
    port: int,
    s3_port: int | None,
    console_port: int | None,
    host: str,
    folder: Path,
    forget: bool,
    file: Path | None,
) -> None:
    """A whole data portal on this machine: CKAN with S3, PostgreSQL and Redis. Ctrl-C stops everything."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        with sole_use(folder):
            if forget:
                reset(folder)
            require_room(folder, MIN_FREE_BYTES + (file.stat().st_size if file else 0))
            s3_port = s3_port or port + 1
            _require_free(port, host, "--port")
            console_port = console_port or s3_port + 1
            _require_free(s3_port, host, "--s3-port")
            _require_free(console_port, host, "--console-port")
            portal = Portal(
                folder,
                host=host,
                public_host=_public_host(host),
                port=port,
                s3_port=s3_port,
                console_port=console_port,
            )
            with _running(portal, console):
                if file is not None:
                    publish_and_verify(portal, file, console)
                    return
                _show_welcome(portal, console)
                portal.watch()
    except DemoError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _fail(f"The disk of {folder} is full. Free some space, or choose another folder with --folder.")
    except KeyboardInterrupt:
        # Stopping is how the demo ends; only a publication was cut short by it.
        sys.exit(130 if file else 0)


@contextmanager
def _running(portal: Portal, console: Console) -> Iterator[None]:
    """The portal, running; each step is a line."""
    try:
        portal.start(lambda step: console.print(f" {step}"))
        yield
    except KeyboardInterrupt:
        console.print("\n Stopping everything …")
        raise
    finally:
        portal.stop()


def _show_welcome(portal: Portal, console: Console) -> None:
    people = "      ".join(
        f"{person.name}  {person.name} / {person.password(portal.secrets)}"
        for person in (PUBLISHER, READER, ADMIN)
    )
    console.print(
        f"\n The portal is ready:  {portal.url}/dataset/{DATASET}\n"
        f" {people}\n"
        f" S3 server {portal.s3.endpoint}, bucket {BUCKET}; its keys are in {portal.secrets.parent / 's3'}\n"
        f"{_console_words(portal)}"
        ' Try it: log in as publisher, open "rivers", Manage, Resources, add a file. '
        "Ctrl-C stops everything.",
        markup=False,
        soft_wrap=True,
    )


def _console_words(portal: Portal) -> str:
    if portal.s3_server is None or not portal.s3_server.console_url:
        return ""
    admin = portal.s3_server.access(S3_ADMIN)
    return (
        f" S3 console {portal.s3_server.console_url}    {admin.access_key_id} / {admin.secret_access_key}\n"
    )


def _require_free(port: int, host: str, option: str) -> None:
    if not is_free(port, host):
        raise DemoError(
            f"Port {port} is taken by another program. Choose another one, for example: "
            f"bin/demo {option} {port + 10}"
        )


def _public_host(host: str) -> str:
    """The name by which others reach this machine, where it listens on all of its addresses."""
    return socket.gethostname() if host in _EVERY_ADDRESS else host


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _fail(message: str) -> None:
    click.secho(f"bin/demo: {message}", fg="red", err=True)
    sys.exit(1)
