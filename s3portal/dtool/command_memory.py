"""What may be remembered until the dtool command ends.

A command opens a dataset several times, and its place does not change while it runs. Scripts and servers may
run for months, so they look again each time.
"""

from typing import Any

import click


def command_memory() -> dict[Any, Any]:
    """A dict that lives as long as the dtool command that runs in this thread; elsewhere a new one each
    time.
    """
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or root.command.name != "dtool":
        return {}
    memory: dict[Any, Any] = root.meta.setdefault(__name__, {})
    return memory
