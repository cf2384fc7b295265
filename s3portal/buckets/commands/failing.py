"""The options of all commands that do many things: a file of what failed, written and read, and a share."""

from pathlib import Path

import click

#: ``--report`` was its name before.
failures_option = click.option(
    "--failures", "--report", "failures_path", type=click.Path(dir_okay=False, path_type=Path), default=None,
    help="Write what failed to this file, one JSON object per line.",
)  # fmt: skip
from_failures_option = click.option(
    "--from-failures", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None,
    help="Only what an earlier run could not do, from its --failures file.",
)  # fmt: skip
shard_option = click.option(
    "--shard", default="1/1", metavar="I/N",
    help="Only share I of N, for N machines that work side by side.",
)  # fmt: skip
