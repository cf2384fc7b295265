"""Processes of CKAN that are killed in the middle of a call."""

from collections.abc import Callable
from typing import Any

from ckan import model
from killed import forked

from ckanext.s3multipart.settings import portal_store


def in_another_process(call: Callable[[], Any], *, killed_at: tuple[str, str] | None = None) -> int:
    """Begins the call in a process of its own; ``killed_at`` is the moment and the operation at which that
    dies. Returns its id, for `killed.ended`."""
    return forked(call, portal_store(), _forget_connections, killed_at)


def _forget_connections() -> None:
    model.Session.remove()
    model.Session.get_bind().dispose()
