"""The option of all commands that do many things: a file of what failed."""

from pathlib import Path

import click

#: ``--report`` was its name before.
failures_option = click.option(
    "--failures", "--report", "failures_path", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="Write what failed to this file, a JSON object a line.",
)  # fmt: skip
