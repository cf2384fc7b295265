"""``dtool cat``: the content of an item on standard output, as it comes from S3."""

import shutil
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import click
import dtoolcore
from dtool_cli.cli import dataset_uri_argument
from dtoolcore.utils import generate_identifier

_BLOCK_BYTES = 1024 * 1024


@click.command(short_help="Write an item to standard output.")
@dataset_uri_argument  # type: ignore[untyped-decorator]
@click.argument("item")
def cat(dataset_uri: str, item: str) -> None:
    """Write the content of an item to standard output.

    ITEM is its identifier or its relative path. Nothing from a bucket is stored on the disk.
    """
    dataset = dtoolcore.DataSet.from_uri(dataset_uri)
    identifier = _identifier(item, dataset._manifest["items"])
    with closing(_open(dataset, identifier)) as content:
        shutil.copyfileobj(content, sys.stdout.buffer, _BLOCK_BYTES)
        sys.stdout.buffer.flush()


def _identifier(item: str, items: Mapping[str, Any]) -> str:
    for identifier in (item, str(generate_identifier(item))):
        if identifier in items:
            return identifier
    raise click.ClickException(f"The dataset has no item {item}. dtool ls lists those that it has.")


def _open(dataset: Any, identifier: str) -> BinaryIO:
    open_item = getattr(dataset._storage_broker, "open_item", None)
    opened: BinaryIO
    opened = open_item(identifier) if open_item else _open_path(dataset.item_content_abspath(identifier))
    return opened


def _open_path(path: str) -> BinaryIO:
    return Path(path).open("rb")
