"""What all errors have in common that a caller is told about: a code, a status, a sentence and facts.

Each error has a stable ``code`` for programs, the HTTP status of the upload protocol, and a message for the
person who sees it that says what to do next. Messages are templates, so that a portal can translate them:
``error.message(gettext)``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import ClassVar

from s3portal.transfer.sizes import format_size

Fact = str | int | list[int] | None
#: Says a size in bytes: rounded, or to the byte where the second argument is true.
ShowSize = Callable[[int, bool], str]


def _in_english(size_bytes: int, exact: bool) -> str:
    return f"{size_bytes:,} bytes" if exact else format_size(size_bytes)


@dataclass(kw_only=True, eq=False, repr=False)
class TransferError(Exception):
    """An error that the caller is told about.

    Its fields are its facts, which fill the template and go to programs as they are.
    """

    code: ClassVar[str] = "transfer_error"
    http_status: ClassVar[int] = 500
    template: ClassVar[str] = "The transfer failed."
    #: Facts that are sizes in bytes: the message shows them as people read them.
    size_facts: ClassVar[frozenset[str]] = frozenset()
    #: Facts that are words, and which words: the message shows them in the reader's language. They are
    #: templates, too.
    word_facts: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    #: Fields that are for the log alone.
    log_only: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        super().__init__(self.message())

    @property
    def facts(self) -> dict[str, Fact]:
        """What the error is about, by name: its fields, except those for the log alone and those that are
        None."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.value if isinstance(value, Enum) else value
            for name, value in values.items()
            if name not in self.log_only and value is not None
        }

    def message(self, translate: Callable[[str], str] = str, show_size: ShowSize = _in_english) -> str:
        """The sentence for the person, its template and words passed through ``translate`` (a portal's
        gettext), its sizes through ``show_size``."""
        facts = self._readable_facts(show_size)
        return translate(self.template) % {**facts, **self._words(facts, translate)}

    def as_dict(self) -> dict[str, Fact]:
        """The error as the upload protocol sends it: code, message and the facts."""
        return {"code": self.code, "message": str(self), **self.facts, **self._words(self.facts, str)}

    def _words(self, facts: Mapping[str, Fact], translate: Callable[[str], str]) -> dict[str, str]:
        """The facts that are words, translated; the other facts fill those that are templates."""
        return {name: translate(str(facts[name])) % facts for name in self.word_facts}

    def _readable_facts(self, show_size: ShowSize) -> dict[str, Fact]:
        """The facts for the message; two sizes that would read the same although they differ are exact."""
        facts = self.facts.items()
        sizes = {name: fact for name, fact in facts if name in self.size_facts and isinstance(fact, int)}
        shown = {name: show_size(size, False) for name, size in sizes.items()}
        if len(set(shown.values())) < len(set(sizes.values())):
            shown = {name: show_size(size, True) for name, size in sizes.items()}
        return {**self.facts, **shown}
