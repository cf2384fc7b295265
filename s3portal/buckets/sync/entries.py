"""What both sides of a sync have in common: files and objects by their path below the place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or an object. ``path`` is relative, its parts separated by ``/``; ``modified_s`` is in seconds
    since 1970; ``etag`` (without quotes) and ``storage_class`` are an object's, and "" for a file."""

    path: str
    size_bytes: int
    modified_s: float
    etag: str = ""
    storage_class: str = ""

    @property
    def place_in_order(self) -> bytes:
        """S3 sorts keys by their UTF-8 bytes (S3 API Reference, ListObjectsV2), and so is everything here."""
        return self.path.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something of one side that is left out, and why; the rest continues. ``hides_more`` says that a folder
    could not be looked through, so that nothing may be concluded from what is missing; ``by_rule`` that
    leaving it out is as it should be."""

    path: str
    reason: str
    hides_more: bool = False
    by_rule: bool = False
