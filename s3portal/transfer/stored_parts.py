"""What the store has of an unfinished upload, and how that compares with the part plan."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3portal.transfer.part_plan import PartPlan
from s3portal.transfer.part_ranges import format_ranges

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


@dataclass(frozen=True)
class StoredParts:
    """The parts that ListParts shows, in order: three rows of equal length, so 10,000 parts are small."""

    part_numbers: "array[int]" = field(default_factory=lambda: array("H"))
    sizes_bytes: "array[int]" = field(default_factory=lambda: array("Q"))
    etags: list[str] = field(default_factory=list)

    def add(self, part_number: int, size_bytes: int, etag: str) -> None:
        """Appends the next part of a listing."""
        self.part_numbers.append(part_number)
        self.sizes_bytes.append(size_bytes)
        self.etags.append(etag)

    def right(self, plan: PartPlan) -> list[int]:
        """The numbers of the parts that are as planned, and so need not be sent again."""
        return [number for number, size_bytes in self._pairs() if _planned(plan, number) == size_bytes]

    def wrong(self, plan: PartPlan) -> list[int]:
        """The numbers of the parts that are not of their planned size, or not in the plan at all."""
        return [number for number, size_bytes in self._pairs() if _planned(plan, number) != size_bytes]

    def missing(self, plan: PartPlan) -> list[int]:
        """The numbers of the planned parts that are not there."""
        there = set(self.part_numbers)
        return [number for number in range(1, plan.part_count + 1) if number not in there]

    def as_dict(self, plan: PartPlan) -> dict[str, str | int]:
        """``stored`` and ``stored_bytes`` of the upload protocol: what need not be sent again."""
        right = self.right(plan)
        return {"stored": format_ranges(right), "stored_bytes": sum(plan.length(number) for number in right)}

    def for_completion(self) -> "list[CompletedPartTypeDef]":
        """The parts as CompleteMultipartUpload takes them."""
        return [
            {"PartNumber": number, "ETag": etag}
            for number, etag in zip(self.part_numbers, self.etags, strict=True)
        ]

    def _pairs(self) -> Iterable[tuple[int, int]]:
        return zip(self.part_numbers, self.sizes_bytes, strict=True)


def _planned(plan: PartPlan, part_number: int) -> int | None:
    return plan.length(part_number) if part_number <= plan.part_count else None
