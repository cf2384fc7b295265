"""Whether the target has a file already. Pure, apart from the checksums that someone has to read."""

from collections.abc import Callable
from enum import Enum

from s3portal.buckets.sync.entries import Entry


class Compare(Enum):
    """What two files are compared by, beside their size."""

    TIME = "time"
    SIZE = "size"
    CHECKSUM = "checksum"


#: Whether two files of one size have one content.
SameContent = Callable[[Entry, Entry], bool]


def reason_to_send(source: Entry, target: Entry | None, compare: Compare, same_content: SameContent) -> str:
    """Why the source has to be sent, in a word or two; "" where the target has it already.

    By time, a source that is older than the target's copy is taken for sent: objects bear the time at which
    they were stored, and fetched files that of their object.
    """
    if target is None:
        return "new"
    if source.size_bytes != target.size_bytes:
        return "other size"
    if compare is Compare.SIZE:
        return ""
    if compare is Compare.CHECKSUM:
        return "" if same_content(source, target) else "other content"
    # Seconds: S3 knows no more, and some file systems only every second one.
    return "newer" if int(source.modified_s) > int(target.modified_s) else ""
