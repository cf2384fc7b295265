"""CKAN's own storage on the local disk: ``<ckan.storage_path>/resources/abc/def/the-rest-of-the-id``."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.moving.mapping import OldPlace
from ckanext.s3multipart.moving.resources import PortalResource, without_our_file
from ckanext.s3multipart.moving.sources.interface import Located, NotUsable
from s3portal.transfer import CopySource

NAME = "local"

_BLOCK_BYTES = 1024 * 1024


class LocalStorage:
    """The folder that CKAN keeps the files of resources in."""

    name = NAME

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or resources_folder()

    def condition(self) -> Any:
        return without_our_file() & (model.resource_table.c.url_type == "upload")

    def locate(self, resource: PortalResource) -> Located | None:
        path = path_of(self._folder, resource.id)
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError as error:
            raise NotUsable(f"there is no file in its place: {path}") from error
        except OSError as error:
            raise NotUsable(f"{path} cannot be read: {error.strerror}") from error
        _require_file(path, status)
        return Located(str(path), _stamp(status), status.st_size)

    def inside(self, located: Located) -> CopySource | None:
        return None

    @contextmanager
    def open(self, located: Located) -> Iterator[IO[bytes]]:
        path = Path(located.place)
        with _open(path) as file:
            if _stamp(os.fstat(file.fileno())) != located.stamp:
                raise NotUsable(f"{path} has changed since it was listed. Run the same command again.")
            yield file
            # CKAN replaces a file by moving another one to its place.
            for status in (os.fstat(file.fileno()), path.stat(follow_symlinks=False)):
                if _stamp(status) != located.stamp:
                    raise NotUsable(f"{path} changed while it was read. Run the same command again.")


def resources_folder() -> Path:
    """Where CKAN has the files of resources. Raises NotUsable where it has none."""
    configured = tk.config.get("ckan.storage_path")
    if not configured:
        raise NotUsable("ckan.storage_path is not set")
    return Path(os.path.realpath(configured)) / "resources"


def path_of(folder: Path, resource_id: str) -> Path:
    """The path of a resource's file. Raises NotUsable where it would lead out of the folder: by an id that is
    none, or by a symbolic link, which CKAN does not follow either."""
    real_folder = Path(os.path.realpath(folder))
    path = real_folder / resource_id[0:3] / resource_id[3:6] / resource_id[6:]
    if (
        len(resource_id) < 7
        or "\0" in resource_id
        or Path(os.path.realpath(path)) != Path(os.path.normpath(path))
    ):
        raise NotUsable(f"{str(path)!r} is a symbolic link, or leads out of {real_folder}")
    if real_folder not in Path(os.path.normpath(path)).parents:
        raise NotUsable(f"{str(path)!r} leads out of {real_folder}")
    return path


def is_there(place: OldPlace) -> bool:
    """Whether the file is still the one that was moved: by its time and size, or by its content."""
    path = Path(place.place)
    try:
        with _open(path) as file:
            if _stamp(os.fstat(file.fileno())) == place.stamp:
                return True
            return bool(place.sha256) and _sha256(file) == place.sha256
    except (OSError, NotUsable):
        return False


def stamp_of(path: Path) -> str:
    """What changes when the file does. Raises OSError."""
    return _stamp(path.stat(follow_symlinks=False))


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    # A pipe must not make it wait, and a link is not followed that was put there since.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        _require_file(path, os.fstat(descriptor))
        # Nor is a folder that was replaced by a link.
        if os.path.realpath(path) != os.path.normpath(path):
            raise NotUsable(f"{path} is a symbolic link, or behind one")
        yield file


def _require_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotUsable(f"{path} is no regular file")


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
