"""The objects of a bucket, folder by folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, render_template, request, url_for

from s3portal.console.folders import SORTED_LIMIT, SORTS, FolderOfBucket
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

object_pages = Blueprint("objects", __name__)


@object_pages.get("/buckets/<bucket>/objects")
def show_folder(bucket: str) -> str:
    prefix, start = request.args.get("prefix", ""), request.args.get("start", "")
    page, sort = request.args.get("page", ""), request.args.get("sort", "name")
    down = "down" in request.args
    if sort not in SORTS:
        sort = "name"
    folder = FolderOfBucket(visit().s3, bucket, prefix, start)
    is_by_name = sort == "name" and not down
    number = _page_number()
    shown = None if is_by_name else folder.sorted_page(sort, down, number)
    is_too_large = shown is None and not is_by_name
    if shown is None:
        sort, down, number = "name", False, 1
        shown = folder.page(page)

    def url(**more: Any) -> str:
        return url_for(
            "objects.show_folder", bucket=bucket, prefix=prefix or None, start=start or None, **more
        )

    def sort_url(column: str) -> str:
        return url(sort=column, down="" if column == sort and not down else None)

    order = {} if shown.sorted_count is None else {"sort": sort, "down": "" if down else None}
    place = "page" if shown.sorted_count is None else "number"
    return render_template(
        "console/objects.html",
        bucket=bucket,
        prefix=prefix,
        start=start,
        crumbs=list(crumbs_of(prefix)),
        folders=shown.folders,
        objects=shown.objects,
        first_url=url(**order) if page or number > 1 else "",
        next_url=url(**order, **{place: shown.next_page}) if shown.next_page else "",
        columns=(("name", _("Name")), ("size", _("Size")), ("changed", _("Changed"))),
        # Who narrows down what was too much to sort has it sorted then.
        asked_order={name: request.args[name] for name in ("sort", "down") if name in request.args},
        sort=sort,
        down=down,
        sort_url=sort_url,
        sorted_count=shown.sorted_count,
        sorted_limit=SORTED_LIMIT if is_too_large else None,
    )


def crumbs_of(prefix: str) -> Iterator[tuple[str, str]]:
    """Yields name and whole key of each folder on the way to ``prefix``."""
    path = ""
    for name in prefix.split("/")[:-1]:
        path += f"{name}/"
        yield name, path


def _page_number() -> int:
    """Which page of a sorted folder is asked for, counted from 1."""
    given = request.args.get("number", "")
    return int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 6 and int(given) else 1
