"""Long lists, fifty at a time: which page of a list is shown, and the way to the others."""

from collections.abc import Callable
from dataclasses import dataclass

import ckan.plugins.toolkit as tk

UPLOADS_A_PAGE = 50


@dataclass(frozen=True)
class ListPage:
    """One page of a list of ``total``. ``number`` counts from 1; ``first`` and ``last`` are those of the list
    that are on it, counted from 1. A URL is "" where there is no such page.
    """

    number: int
    first: int
    last: int
    total: int
    previous_url: str
    next_url: str


def asked_page(total: int, url_of: Callable[[int], str], size: int = UPLOADS_A_PAGE) -> ListPage:
    """The page that the request asks for by ``page``: the first where it says nothing that makes sense, the
    last where there are not so many any more. ``size`` is how many are on one.
    """
    count = max(1, -(-total // size))
    number = min(asked_number(), count)
    return ListPage(
        number=number,
        first=min(total, (number - 1) * size + 1),
        last=min(total, number * size),
        total=total,
        previous_url=url_of(number - 1) if number > 1 else "",
        next_url=url_of(number + 1) if number < count else "",
    )


def asked_number() -> int:
    """The number of the page that the request, or the form in it, names; 1 where it names none."""
    text = tk.request.form.get("page") or tk.request.args.get("page") or ""
    # No list has more digits than that, and int() takes time for very many.
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1
