"""Dialogs that pages open: an alert, a question, "Leave site?". One that no test expects fails its test.

A browser that nobody tells what to do with a dialog answers it silently, so a page that asks a publisher
whether to leave would look in a test as if it asked nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Dialog, Page

#: What was asked although nothing was to be asked, in the order in which it came.
unexpected_dialogs: list[str] = []

#: How each of the dialogs that are expected is answered, and where it is then noted.
_expected: list[tuple[bool, list[str]]] = []


def watch_dialogs(context: BrowserContext) -> None:
    """Notes every dialog of this profile's pages. One that is not expected is answered with no: the page
    stays, as a publisher would whom it surprises."""
    context.on("dialog", _answer)


@contextmanager
def expected_dialog(page: Page, *, accept: bool) -> Iterator[list[str]]:
    """Within it the page opens exactly one dialog, which is answered so; what is yielded then has its type.

    Raises AssertionError where it opens none.
    """
    seen: list[str] = []
    _expected.append((accept, seen))
    yield seen
    while not seen:
        page.wait_for_event("dialog")
    assert len(seen) == 1, seen


def require_no_unexpected_dialog() -> None:
    """Raises AssertionError where a page opened a dialog that nobody expected, or did not open one that was
    expected, since this was asked last."""
    asked = unexpected_dialogs.copy()
    missed = len(_expected)
    unexpected_dialogs.clear()
    _expected.clear()
    assert asked == [], "a page opened a dialog that its publisher would not expect"
    assert missed == 0, "a page did not open the dialog that was expected"


def _answer(dialog: Dialog) -> None:
    where = dialog.page.url if dialog.page else "a page that is gone"
    if _expected:
        accept, seen = _expected.pop(0)
        seen.append(dialog.type)
    else:
        accept = False
        unexpected_dialogs.append(f"{dialog.type} on {where}: {dialog.message}")
    if accept:
        dialog.accept()
    else:
        dialog.dismiss()
