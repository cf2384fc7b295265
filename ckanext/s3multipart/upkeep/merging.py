"""Two long lists in one order, side by side: what only one of them has. Memory does not grow with either."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

LeftT = TypeVar("LeftT")
RightT = TypeVar("RightT")


class OutOfOrder(Exception):
    """A list does not come in the order of its keys, so nothing can be concluded from it."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the list is not in the order of its keys: {key!r} comes too late")


def unmatched(
    left: Iterable[LeftT],
    left_key: Callable[[LeftT], str],
    right: Iterable[RightT],
    right_key: Callable[[RightT], str],
) -> Iterator[tuple[LeftT | None, RightT | None]]:
    """What has no partner of the same key on the other side. A key may come several times on either side.

    Keys are compared as S3 lists them, by their bytes in UTF-8. Raises OutOfOrder.
    """
    lefts, rights = _ordered(left, left_key), _ordered(right, right_key)
    one, other = next(lefts, None), next(rights, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield one[1], None
            one = next(lefts, None)
        elif one is None or other[0] < one[0]:
            yield None, other[1]
            other = next(rights, None)
        else:
            key = one[0]
            one = _after(lefts, key)
            other = _after(rights, key)


_T = TypeVar("_T")


def _ordered(items: Iterable[_T], key: Callable[[_T], str]) -> Iterator[tuple[bytes, _T]]:
    before = b""
    for item in items:
        now = key(item).encode("utf-8", "surrogatepass")
        if now < before:
            raise OutOfOrder(key(item))
        before = now
        yield now, item


def _after(items: Iterator[tuple[bytes, _T]], key: bytes) -> tuple[bytes, _T] | None:
    return next((item for item in items if item[0] != key), None)
