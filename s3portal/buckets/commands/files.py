"""What a command reads from a file of this machine: a policy, rules."""

import json
from pathlib import Path
from typing import Any

import click

from s3portal.buckets.problems import Unusable

file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def text_of(file: Path) -> str:
    """The text of a file. Raises Unusable."""
    try:
        return file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise Unusable(f"{file}: cannot be read: {error}") from error


def rules_of(file: Path, name: str) -> list[dict[str, Any]]:
    """The rules in a file: a list, or an object that has it as ``name``. Raises Unusable."""
    try:
        document = json.loads(text_of(file))
    except json.JSONDecodeError as error:
        raise Unusable(f"{file}, line {error.lineno}: this is not JSON: {error.msg}") from error
    rules = document.get(name) if isinstance(document, dict) else document
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise Unusable(f'{file}: write {{"{name}": [{{...}}]}}')
    return rules
