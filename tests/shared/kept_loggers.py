"""Loggers stay as they are, whatever a migration of CKAN's configures: Alembic's fileConfig disables all."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_loggers() -> Iterator[None]:
    """Puts back handlers, levels and what was disabled."""
    root = logging.getLogger()
    known = [
        logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)
    ]
    before = [(logger, logger.disabled, logger.level, logger.handlers[:]) for logger in (root, *known)]
    try:
        yield
    finally:
        for logger, disabled, level, handlers in before:
            logger.disabled, logger.handlers = disabled, handlers
            logger.setLevel(level)
