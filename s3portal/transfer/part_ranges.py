"""Part numbers as ranges, ``"1-1099,1101"``: 10,000 numbers are read neither by people nor by phones."""

from collections.abc import Iterable

from s3portal.transfer.part_plan import MAX_PART_COUNT


def format_ranges(part_numbers: Iterable[int]) -> str:
    """``[1, 2, 3, 5]`` as ``"1-3,5"``, in any order and with repetitions; nothing is the empty text."""
    runs: list[list[int]] = []
    for number in sorted(set(part_numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse_ranges(text: str) -> list[int]:
    """``"1-3,5"`` as ``[1, 2, 3, 5]``, sorted, each number once.

    Raises ValueError where the text is anything else, or names parts outside 1 to 10,000: a text from outside
    must not become a list as long as its author likes.
    """
    numbers: set[int] = set()
    for piece in text.split(",") if text else ():
        first, dash, last = piece.partition("-")
        if not (_is_number(first) and (_is_number(last) if dash else True)):
            raise ValueError(f"{piece!r} is neither a part number nor a range such as 1-3")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= MAX_PART_COUNT:
            raise ValueError(f"{piece!r} is not within parts 1 to {MAX_PART_COUNT}")
        numbers.update(range(low, high + 1))
    return sorted(numbers)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5
