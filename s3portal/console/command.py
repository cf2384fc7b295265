"""``s3portal server`` with the console beside the S3 port."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.console.settings import ConsoleSettings
from s3portal.server import command as server
from s3portal.server.config import PREFIX

_API, _UI, _ALL = "api", "ui", "all"
#: Where the S3 port listens with ``--mode ui``: for this machine, and for a proxy on it.
_THIS_MACHINE = "127.0.0.1"
_MISSING = "The console needs one more package: pip install 's3portal[console]'"
_OPTIONS: list[click.Parameter] = [
    click.Option(
        ["--mode"],
        type=click.Choice([_API, _UI, _ALL]),
        envvar=f"{PREFIX}MODE",
        default=_ALL,
        show_default=True,
        help="api: without the console. ui: other machines reach the console alone, and the S3 port is for "
        "this one.",
    ),
    click.Option(
        ["--console-host"],
        envvar=f"{PREFIX}CONSOLE_HOST",
        help="The address that the console listens on.  [default: that of the S3 port]",
    ),
    click.Option(
        ["--console-port"],
        type=click.IntRange(0, 65535),
        envvar=f"{PREFIX}CONSOLE_PORT",
        help="The console's own port.  [default: the one after the S3 port]",
    ),
    click.Option(
        ["--store-url"],
        envvar=f"{PREFIX}STORE_URL",
        default="",
        help="Where browsers reach the S3 port, if not at its own port of the console's host.",
    ),
    click.Option(
        ["--console-url"],
        envvar=f"{PREFIX}CONSOLE_URL",
        default="",
        help="The console's address behind a proxy, such as https://console.example.org.",
    ),
]


def _with_console(command: click.Group) -> click.Group:
    """Returns the server's command with the console's options."""
    whole = copy.copy(command)
    whole.params = [*command.params, *_OPTIONS]
    serve = command.callback
    assert serve is not None

    @click.pass_context
    def callback(
        context: click.Context,
        /,
        mode: str,
        console_host: str | None,
        console_port: int | None,
        store_url: str,
        console_url: str,
        **options: Any,
    ) -> None:
        if mode != _API and context.invoked_subcommand is None:
            console_host = console_host or options["host"]
            if mode == _UI:
                options["host"] = _THIS_MACHINE
            front_end = _front_end(
                options["root"],
                console_host,
                _port(options["port"]) if console_port is None else console_port,
                ConsoleSettings(
                    store_url=_origin(store_url, "--store-url"),
                    console_origin=_origin(console_url, "--console-url"),
                ),
                options["port"],
            )
            if front_end is None and mode == _UI:
                raise click.ClickException(_MISSING)
            context.meta[server.FRONT_END] = front_end
        serve(**options)

    whole.callback = callback
    return whole


def _port(s3_port: int) -> int:
    return 0 if s3_port in (0, 65535) else s3_port + 1


def _origin(url: str, option: str) -> str:
    """Returns an address as browsers write an origin; '' stays. Raises UsageError."""
    if not url:
        return ""
    try:
        parts = urlsplit(url.lower())
        default = {"http": 80, "https": 443}[parts.scheme]
        is_origin = parts.hostname and not (parts.path.strip("/") or parts.query or parts.fragment)
        port = parts.port
    except (KeyError, ValueError):
        is_origin = None
    if not is_origin or "@" in parts.netloc:
        raise click.UsageError(
            f"{option} must be an address like https://s3.example.org, without a path: {url!r}"
        )
    return f"{parts.scheme}://{parts.netloc.removesuffix(f':{port}') if port == default else parts.netloc}"


def _front_end(
    root: Path, host: str, port: int, settings: ConsoleSettings, s3_port: int
) -> ConsoleFrontEnd | None:
    if port == s3_port != 0:
        raise click.UsageError(
            "The console needs an origin of its own: on the S3 port, a page that somebody uploaded could act "
            f"with your rights. Give another --console-port than {port}."
        )
    if importlib.util.find_spec("flask") is None:
        click.echo(_MISSING, err=True)
        return None
    try:
        return ConsoleFrontEnd(root, host, port, settings)
    except OSError as problem:
        raise click.ClickException(
            f"The console cannot listen on {host}:{port}: {problem.strerror}. Give another --console-port, "
            "or --mode api for no console."
        ) from problem


server_command = _with_console(server.server_command)
