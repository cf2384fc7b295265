"""What the lists of commands say of each command: click cuts a sentence that does not fit into a line."""

from collections.abc import Iterator

import click

_TERMINAL_WIDTH = 70
# What such a terminal has left for the help of a command with a long name.
_CHARACTERS = 45


def cut_helps(group: click.Group, name: str) -> Iterator[str]:
    """The lines about commands, of this group and of the groups in it, whose help is cut or missing."""
    context = click.Context(group, info_name=name, terminal_width=_TERMINAL_WIDTH)
    formatter = context.make_formatter()
    group.format_commands(context, formatter)
    for line in formatter.getvalue().splitlines():
        if line.endswith("...") or (line.startswith("  ") and len(line.split()) == 1):
            yield f"{name}: {line}"
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        if isinstance(command, click.Group):
            yield from cut_helps(command, f"{name} {each}")


def is_cut(command: click.Command) -> bool:
    """Whether the list that has this command shows none of its help, or not all of it."""
    said = command.get_short_help_str(limit=_CHARACTERS)
    return not said or said.endswith("...")
