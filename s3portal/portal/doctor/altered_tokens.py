"""Session tokens with one letter changed, as an attacker would try them to gain access. Pure."""

from collections.abc import Iterator

#: As many positions are tried at the least, of every token that is that long.
POSITIONS = 64
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def altered_tokens(token: str, count: int = POSITIONS) -> Iterator[str]:
    """The token with one letter changed at each of ``count`` positions that lie evenly from its begin to its
    end; fewer where it is shorter. What ends Base64 (``=``) is left out: it says nothing.

    Of Base64 the highest bit is changed, so that no decoder takes the letter for the same.
    """
    length = len(token.rstrip("="))
    for number in range(min(count, length)):
        place = number * length // min(count, length)
        yield token[:place] + _another(token[place]) + token[place + 1 :]


def _another(letter: str) -> str:
    place = _ALPHABET.find(letter)
    return "A" if place < 0 else _ALPHABET[place ^ 32]
