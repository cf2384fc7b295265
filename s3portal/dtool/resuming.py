"""Resuming a copy that was interrupted, by the same ``dtool cp`` or with its ``--resume``.

What is in the bucket already is skipped by dtoolcore itself, whichever of the two it is. But ``dtool cp``
first asks whether there is a dataset at the destination, and refuses any, even the copy that it began itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from dtoolcore.utils import generous_parse_uri

from s3portal.dtool.errors import NothingToResume
from s3portal.dtool.item_queue import drop_what_waits


def is_begun_copy(admin_metadata: Mapping[str, Any]) -> bool:
    """Whether the dataset is a copy that is not complete: not frozen, though it knows when its source was.

    dtoolcore.copy takes the source's metadata over; proto datasets made otherwise have no ``frozen_at``.
    """
    return admin_metadata.get("type") == "protodataset" and "frozen_at" in admin_metadata


def is_copied_again(bucket: str) -> bool:
    """Whether who asks is a ``dtool cp`` to the bucket, without ``--resume``."""
    arguments = _copy_arguments()
    return bool(arguments) and not arguments["resume"] and _bucket(arguments) == bucket


def check_there_is_a_rest(admin_metadata: Mapping[str, Any] | None, bucket: str, uri: str) -> None:
    """Raises NothingToResume where ``dtool cp --resume`` to the bucket asks, and the copy is complete or was
    never begun. dtoolcore would print a traceback for both.
    """
    arguments = _copy_arguments()
    if not arguments or not arguments["resume"] or _bucket(arguments) != bucket:
        return
    if admin_metadata is None:
        raise NothingToResume(f"No copy was started at {uri}. Run the command without --resume.")
    if admin_metadata.get("type") == "dataset":
        raise NothingToResume(f"The copy is complete already: {uri}")


def say_how_to_go_on_if_interrupted() -> None:
    """From now on, Ctrl-C ends the dtool command at any point, and prints which command resumes."""
    context = click.get_current_context(silent=True)
    if context and __name__ not in context.meta:
        context.meta[__name__] = context.with_resource(_saying_how_to_go_on())


@contextmanager
def _saying_how_to_go_on() -> Iterator[bool]:
    try:
        yield True
    except KeyboardInterrupt:
        drop_what_waits()
        click.echo(f"\nStopped. What is stored is kept; {_how_to_go_on()}.", err=True)
        raise


def _how_to_go_on() -> str:
    arguments = _copy_arguments()
    if arguments and not arguments["resume"] and not _bucket(arguments):
        # dtool's own broker for the disk refuses the folder that the copy began.
        return "run dtool cp --resume with the same arguments to resume"
    return "run the same command again to resume"


def _copy_arguments() -> Mapping[str, Any]:
    """What ``dtool cp`` was given; nothing in other commands, in scripts, and before all of it was read."""
    context = click.get_current_context(silent=True)
    given: Mapping[str, Any] = context.params if context else {}
    return given if {"dataset_uri", "dest_base_uri", "resume"} <= given.keys() else {}


def _bucket(arguments: Mapping[str, Any]) -> str:
    """The bucket that is copied to, "" where it is none."""
    destination = generous_parse_uri(arguments["dest_base_uri"])
    return str(destination.netloc) if destination.scheme == "s3" else ""
