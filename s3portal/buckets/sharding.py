"""A share of the keys for each of several machines: together they are all keys, and none is in two."""

import re
import zlib
from dataclasses import dataclass

from s3portal.buckets.problems import Unusable

_WRITTEN = re.compile(r"([0-9]+)/([0-9]+)")


@dataclass(frozen=True)
class Shard:
    """Share ``number``, from 1, of ``count``. Which keys it has is the same on every machine and for ever."""

    number: int = 1
    count: int = 1

    def has(self, key: str) -> bool:
        """Whether a key, or a path, belongs to this share."""
        if self.count == 1:
            return True
        return zlib.crc32(key.encode("utf-8", "surrogatepass")) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Shard()


def shard_of(text: str) -> Shard:
    """The share that is written as ``2/8``. Raises Unusable."""
    found = _WRITTEN.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise Unusable(f"--shard {text}: write 1/3, 2/3 and 3/3 for three machines")
    return Shard(int(found[1]), int(found[2]))
