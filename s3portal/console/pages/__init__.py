"""The pages, a module for each subject. A subject's blueprint is in the menu if it says so."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint

from s3portal.console.pages.buckets import bucket_pages
from s3portal.console.pages.objects import object_pages
from s3portal.console.texts import gettext as _

PAGES: tuple[Blueprint, ...] = (bucket_pages, object_pages)


def menu() -> Iterator[tuple[str, str, str]]:
    """Yields section, endpoint and words of what the top of each page leads to."""
    yield "buckets", "buckets.show_all", _("Buckets")
