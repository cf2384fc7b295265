"""How a file is cut into parts: pure arithmetic within S3's limits.

The limits are those of the S3 User Guide, "Amazon S3 multipart upload limits".
"""

from dataclasses import dataclass

from s3portal.transfer.errors import FileTooLarge, PartOutsidePlan
from s3portal.transfer.sizes import GIB, MIB, TIB

MAX_PART_COUNT = 10_000
MIN_PART_SIZE_BYTES = 5 * MIB
MAX_PART_SIZE_BYTES = 5 * GIB

#: A part costs a browser two round trips, the CORS preflight's and its own. Over 200 ms, 4 x 16 MiB took
#: 6.2 s where 4 x 5 MiB took 8.4 s; up to about this time parts of 5 MiB lose nothing.
_ROUND_TRIP_OF_LEAST_MS = 25
#: What a lost connection may cost on a slow line, four times over; larger parts gained little.
_LARGEST_CHOSEN_BYTES = 16 * MIB
#: This many parts keep several connections busy to the end.
_LEAST_PART_COUNT = 16

#: 10,000 parts of 5 GiB: the 48.8 TiB that AWS states as its largest object.
LARGEST_OBJECT_ON_AWS_BYTES = MAX_PART_COUNT * MAX_PART_SIZE_BYTES
#: What Ceph and older servers take.
LARGEST_OBJECT_ELSEWHERE_BYTES = 5 * TIB


@dataclass(frozen=True)
class PartPlan:
    """Sizes and numbers of the parts of one file. Parts are numbered from 1; all but the last are equal."""

    size_bytes: int
    part_size_bytes: int
    part_count: int

    def __post_init__(self) -> None:
        if self.size_bytes < 0 or not 1 <= self.part_size_bytes <= MAX_PART_SIZE_BYTES:
            raise ValueError(f"no file has {self} as its parts")
        # A file of zero bytes is one empty part, since S3 completes no upload without a part.
        if self.part_count != max(1, -(-self.size_bytes // self.part_size_bytes)):
            raise ValueError(f"{self} does not hold the file exactly")
        if self.part_count > MAX_PART_COUNT:
            raise ValueError(f"{self} has more than {MAX_PART_COUNT} parts")

    def length(self, part_number: int) -> int:
        """The bytes in this part. Raises PartOutsidePlan."""
        return min(self.part_size_bytes, self.size_bytes - self.offset(part_number))

    def offset(self, part_number: int) -> int:
        """Where in the file this part begins, in bytes. Raises PartOutsidePlan."""
        if not 1 <= part_number <= self.part_count:
            raise PartOutsidePlan(part_number=part_number, part_count=self.part_count)
        return (part_number - 1) * self.part_size_bytes


def chosen_part_size(size_bytes: int, least_bytes: int, round_trip_ms: float | None = None) -> int:
    """The bytes in a part for a client that is so far from the store: ``least_bytes``, or more whole MiB
    where the round trip is long and the file is large enough to have many parts anyway.

    >>> chosen_part_size(1 * GIB, 5 * MIB, 200) // MIB
    16
    >>> chosen_part_size(40 * MIB, 5 * MIB, 200) // MIB
    5
    """
    wanted_bytes = MIN_PART_SIZE_BYTES * (round_trip_ms or 0) / _ROUND_TRIP_OF_LEAST_MS
    largest_bytes = min(_LARGEST_CHOSEN_BYTES, size_bytes // _LEAST_PART_COUNT)
    return max(least_bytes, int(min(wanted_bytes, largest_bytes) // MIB) * MIB)


def plan_parts(
    size_bytes: int,
    *,
    part_size_bytes: int = MIN_PART_SIZE_BYTES,
    max_object_size_bytes: int = LARGEST_OBJECT_ON_AWS_BYTES,
    setting: str = "max_object_size",
) -> PartPlan:
    """The parts of a file of ``size_bytes``, each of ``part_size_bytes`` or, for a file that would need more
    than 10,000 of those, of the fewest whole MiB that hold it.

    Raises FileTooLarge, which names ``setting``, over ``max_object_size_bytes`` or over what 10,000 of the
    largest parts hold.
    """
    limit_bytes = min(max_object_size_bytes, MAX_PART_COUNT * MAX_PART_SIZE_BYTES)
    if size_bytes > limit_bytes:
        raise FileTooLarge(limit=limit_bytes, given=size_bytes, setting=setting)
    mib_needed = -(-size_bytes // (MAX_PART_COUNT * MIB))
    part_size_bytes = max(part_size_bytes, mib_needed * MIB)
    part_count = max(1, -(-size_bytes // part_size_bytes))
    return PartPlan(size_bytes=size_bytes, part_size_bytes=part_size_bytes, part_count=part_count)
