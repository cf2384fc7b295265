"""What a kind of place that files come from has to say of them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, Protocol

from ckanext.s3multipart.moving.resources import PortalResource
from s3portal.transfer import CopySource


class NotUsable(Exception):
    """The file of a resource cannot be moved; the message says why."""


@dataclass(frozen=True)
class Located:
    """A file where it was found. ``place`` is its path, key or address; ``stamp`` changes when the file does;
    ``sha256`` (hex) is what the old place has on record, "" for nothing; ``filename`` is for files whose
    resource does not say their name."""

    place: str
    stamp: str
    size_bytes: int
    content_type: str = ""
    sha256: str = ""
    filename: str = ""


class Source(Protocol):
    """A kind of place."""

    @property
    def name(self) -> str:
        """What mapping files and commands call it."""

    def condition(self) -> Any:
        """Which rows of CKAN's table of resources may have their files here."""

    def locate(self, resource: PortalResource) -> Located | None:
        """The resource's file, None where it has none here. Raises NotUsable."""

    def inside(self, located: Located) -> CopySource | None:
        """The file as an object that the portal's own store can copy, None where it cannot."""

    def open(self, located: Located) -> AbstractContextManager[IO[bytes]]:
        """The file that was located. Raises NotUsable, at the end too, where it is another one by now."""
