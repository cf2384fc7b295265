"""A group of commands whose modules are imported when one of them runs: each starts with what it needs alone,
and ``--help`` of the group answers at once."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

#: 128 and the number of SIGINT.
INTERRUPTED = 130


class Place(NamedTuple):
    """Where a command is, and its line in the group's help. ``extra`` is the extra of the distribution that
    has what it needs, or "" where that is always there."""

    module: str
    attribute: str
    short_help: str
    extra: str = ""


class LazyGroup(click.Group):
    """``places`` has a Place for the name of each command."""

    def __init__(self, *arguments: Any, places: Mapping[str, Place], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._places = places

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, but Ctrl-C ends with 130, as shells have it, and not with click's 1: also while the
        modules of a command are loaded."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            return None
        try:
            command: click.Command = getattr(importlib.import_module(place.module), place.attribute)
        except ModuleNotFoundError as missing:
            if not place.extra:
                raise
            raise click.ClickException(
                f"'s3portal {cmd_name}' needs the Python package {missing.name!r}: "
                f"install it with  pip install 's3portal[{place.extra}]'"
            ) from missing
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._places[name].short_help) for name in self.list_commands(ctx)])
