"""Every `s3portal …` command of the documents exists, with the options that they give it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from s3portal.cli import main

CHECKOUT = Path(__file__).resolve().parents[2]
# CHANGELOG.md names what once was.
PAGES = [CHECKOUT / "README.md", CHECKOUT / "SECURITY.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
_COMMAND = re.compile(r"(?<![\w/.-])s3portal ([a-z][^`|;&<>()\n]*)")


def commands_in(page: Path) -> Iterator[str]:
    """What follows ``s3portal`` in code, in blocks and between backticks."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```.*?```", text, flags=re.DOTALL)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for code in (*blocks, *re.findall(r"`[^`\n]+`", prose)):
        for line in code.splitlines():
            yield from _COMMAND.findall(re.sub(r"\s#.*", "", line))


def problem_of(said: str) -> str | None:
    """What the command line would not understand."""
    try:
        words = shlex.split(said)
    except ValueError:
        words = said.split()
    command: click.Command = main
    context = click.Context(main, info_name="s3portal")
    options = set(options_of(main, context))
    for word in words:
        if word.startswith("--"):
            if word.partition("=")[0] not in options:
                return f"s3portal {said}: no {word}"
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None and command is main:
                return f"s3portal {said}: no command {word}"
            # Elsewhere it may be a group's own argument, or an option's value.
            if found is not None:
                command, context = found, click.Context(found, parent=context, info_name=word)
                options.update(options_of(found, context))
    return None


def options_of(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        yield from (*parameter.opts, *parameter.secondary_opts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    assert list(filter(None, map(problem_of, commands_in(page)))) == []


def test_commands_are_found_and_what_is_wrong_with_them_is_told() -> None:
    found = [said for page in PAGES for said in commands_in(page)]
    assert len(found) > 100
    assert problem_of("serve --root ./s3-data") == "s3portal serve --root ./s3-data: no command serve"
    assert problem_of("sync a s3://b --dlete") == "s3portal sync a s3://b --dlete: no --dlete"
