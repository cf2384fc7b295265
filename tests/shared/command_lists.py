"""What the lists of commands say of each command: click cuts a sentence that does not fit into a line."""

from collections.abc import Iterator

import click

# What click leaves of a line for the help in a narrow terminal (make_default_short_help).
_CHARACTERS = 45


def cut_helps(group: click.Group, name: str) -> Iterator[str]:
    """The commands of this group, and of the groups in it, whose help is cut or missing in its list."""
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        if is_cut(command):
            yield f"{name} {each}"
        if isinstance(command, click.Group):
            yield from cut_helps(command, f"{name} {each}")


def is_cut(command: click.Command) -> bool:
    """Whether the list that has this command shows none of its help, or not all of it."""
    said = command.get_short_help_str(limit=_CHARACTERS)
    return not said or said.endswith("...")
