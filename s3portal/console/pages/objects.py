"""The objects of a bucket, folder by folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request, url_for

from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

#: A page of a bucket with millions of keys costs the same as one of few.
PAGE_SIZE = 200

object_pages = Blueprint("objects", __name__)


@dataclass(frozen=True)
class Line:
    """An object as the list shows it; ``name`` is what follows the folder's own key."""

    key: str
    name: str
    size_bytes: int
    changed_at: datetime
    storage_class: str


@dataclass(frozen=True)
class Folder:
    key: str
    name: str


_SORTS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.name,
    "size": lambda line: line.size_bytes,
    "changed": lambda line: line.changed_at,
}


@object_pages.get("/buckets/<bucket>/objects")
def show_folder(bucket: str) -> str:
    prefix, start = request.args.get("prefix", ""), request.args.get("start", "")
    page, sort = request.args.get("page", ""), request.args.get("sort", "name")
    down = "down" in request.args
    listed = visit().s3.list_objects_v2(
        Bucket=bucket,
        Prefix=prefix + start,
        Delimiter="/",
        MaxKeys=PAGE_SIZE,
        **({"ContinuationToken": page} if page else {}),
    )
    lines = [_line(entry, prefix) for entry in listed.get("Contents", ())]
    if sort not in _SORTS:
        sort = "name"
    lines.sort(key=_SORTS[sort], reverse=down)

    def sort_url(column: str) -> str:
        return url_for(
            "objects.show_folder",
            bucket=bucket,
            sort=column,
            prefix=prefix or None,
            start=start or None,
            page=page or None,
            down="" if column == sort and not down else None,
        )

    return render_template(
        "console/objects.html",
        bucket=bucket,
        prefix=prefix,
        start=start,
        page=page,
        crumbs=list(crumbs_of(prefix)),
        folders=[
            Folder(entry["Prefix"], entry["Prefix"][len(prefix) :])
            for entry in listed.get("CommonPrefixes", ())
        ],
        objects=lines,
        next_page=listed.get("NextContinuationToken"),
        columns=(("name", _("Name")), ("size", _("Size")), ("changed", _("Changed"))),
        sort=sort,
        down=down,
        sort_url=sort_url,
    )


def crumbs_of(prefix: str) -> Iterator[tuple[str, str]]:
    """Yields name and whole key of each folder on the way to ``prefix``."""
    path = ""
    for name in prefix.split("/")[:-1]:
        path += f"{name}/"
        yield name, path


def _line(entry: dict[str, Any], prefix: str) -> Line:
    return Line(
        entry["Key"],
        entry["Key"][len(prefix) :],
        entry["Size"],
        entry["LastModified"],
        entry.get("StorageClass", ""),
    )
