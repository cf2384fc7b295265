"""Sizes as people write and read them: ``"5 MiB"`` to 5242880 and back. Only the shown text is rounded."""

import re

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "pb": 10**15,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": TIB,
    "pib": 1024 * TIB,
}
_SIZE = re.compile(r"([0-9]+)(?:\.([0-9]+))?\s*([A-Za-z]*)")


def parse_size(text: str) -> int:
    """The bytes in ``text``: ``"5242880"``, ``"5 MiB"``, ``"5MB"``, ``"48.8 TiB"``.

    MB is 1,000,000 bytes and MiB 1,048,576, as IEC 80000-13 says. Raises ValueError for anything else,
    also for a bare ``M``, which could mean either.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[3].lower() not in _UNITS:
        raise ValueError("is not a size: write a number of bytes, or a unit as in 5 MiB or 100 GB")
    whole, decimals, unit = match[1], match[2] or "", _UNITS[match[3].lower()]
    # In integers, since a float cannot hold every size that a store can.
    return int(int(whole + decimals) * unit // 10 ** len(decimals))


def format_size(size_bytes: int) -> str:
    """``size_bytes`` as a person would say it: ``"999 bytes"``, ``"58.1 GB"``, ``"168 MB"``.

    Decimal units and one decimal below a hundred of them, as the browser's form says it
    (``js/src/field/number-words.js``).
    """
    if size_bytes < 1000:
        return f"{size_bytes} byte" if size_bytes == 1 else f"{size_bytes} bytes"
    return _rounded(size_bytes, 1000, ("kB", "MB", "GB", "TB", "PB"))


def format_limit(size_bytes: int) -> str:
    """``size_bytes`` as an administrator would write it into a setting: ``"5 MiB"``, ``"100 GB"``.

    In binary units where the size is a round number only in those, as limits of stores are.
    """
    if size_bytes % MIB == 0 and not _is_short(size_bytes, 1000):
        return _rounded(size_bytes, 1024, ("KiB", "MiB", "GiB", "TiB", "PiB"))
    return format_size(size_bytes)


def _is_short(size_bytes: int, base: int) -> bool:
    """Whether one decimal says the size exactly."""
    power = _power(size_bytes, base)
    return size_bytes * 10 % int(base**power) == 0


def _rounded(size_bytes: int, base: int, names: tuple[str, ...]) -> str:
    power = _power(size_bytes, base)
    unit = base**power
    tenths = (size_bytes * 10 + unit // 2) // unit
    if tenths >= 1000:
        tenths = (size_bytes + unit // 2) // unit * 10
    if tenths >= base * 10 and power < len(names):
        # 999,999 bytes are 1 MB and not 1,000 kB.
        power, tenths = power + 1, 10
    whole, tenth = divmod(tenths, 10)
    return f"{whole:,}.{tenth} {names[power - 1]}" if tenth else f"{whole:,} {names[power - 1]}"


def _power(size_bytes: int, base: int) -> int:
    return max(power for power in range(1, 6) if base**power <= size_bytes)
