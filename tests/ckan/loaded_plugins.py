"""Plugins of the tests, loaded as if they had been installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ckan.plugins import core


@contextmanager
def loaded(**plugins: type) -> Iterator[list[Any]]:
    """The plugins, by the names that they have in ``ckan.plugins``. They add nothing to CKAN's own
    interfaces, so CKAN is not set up again."""
    made = {name: kind(name=name) for name, kind in plugins.items()}
    for name, plugin in made.items():
        core._PLUGINS_SERVICE[name] = plugin
        # CKAN 2.10 asks its plugins' environment.
        if hasattr(plugin, "activate"):
            plugin.activate()
    try:
        yield list(made.values())
    finally:
        for name, plugin in made.items():
            del core._PLUGINS_SERVICE[name]
            if hasattr(plugin, "deactivate"):
                plugin.deactivate()
