"""What a command shows: sentences for people, one JSON object a line for programs; and how it asks."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from s3portal.buckets.problems import Refused, Unusable
from s3portal.buckets.settings.change import Change

#: Control characters, direction marks, surrogates, separators of lines (Unicode, "General Category").
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(name: str) -> str:
    """A key or path on one line, without the control characters by which a name could rewrite a terminal."""
    # No character that is not shown is printable (Python Library Reference, str.isprintable).
    if name.isprintable():
        return name
    return "".join(
        each.encode("unicode_escape").decode() if unicodedata.category(each) in _NOT_SHOWN else each
        for each in name
    )


@dataclass(frozen=True)
class Console:
    """How the command was asked to speak and to act."""

    as_json: bool = False
    dry_run: bool = False
    assume_yes: bool = False

    def say(self, text: str, **facts: Any) -> None:
        """A sentence, or the facts of it as a line of JSON."""
        click.echo(self.line(text, facts or {"text": text}))

    def line(self, text: str, facts: Mapping[str, Any]) -> str:
        """The same, to be shown with others."""
        return json.dumps(facts, default=str) if self.as_json else text

    def document(self, name: str, document: Any) -> None:
        """A setting's document, as it is written in AWS's command line."""
        if self.as_json:
            click.echo(json.dumps({name: document}, default=str))
        else:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))

    def document_if_any(self, name: str, document: Any, otherwise: str) -> None:
        """The document of a setting that a bucket may lack; ``otherwise`` tells people that it does."""
        if document is None and not self.as_json:
            click.echo(otherwise)
        else:
            self.document(name, document)

    def table(self, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """Rows under headings; ``columns`` gives the heading of each fact."""
        if self.as_json:
            for row in rows:
                click.echo(json.dumps(dict(row), default=str))
            return
        lines = [[shown(str(row.get(name, ""))) for name in columns] for row in rows]
        widths = [
            max([len(heading), *(len(line[place]) for line in lines)])
            for place, heading in enumerate(columns.values())
        ]
        for line in [list(columns.values()), *lines]:
            click.echo(
                "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
            )

    def warn(self, text: str) -> None:
        """A sentence beside the result, on standard error."""
        click.echo(text, err=True)

    def carry_out(self, changes: Iterable[Change]) -> None:
        """Shows what would change, asks unless ``--yes``, and does it; ``--dry-run`` only shows it.

        Raises Refused where the answer is no, Unusable where nobody can answer.
        """
        wanted = [change for change in changes if change.is_needed]
        if not wanted:
            self.say("Nothing to change: it is so already.", changed=False)
            return
        if not self.as_json:
            for change in wanted:
                click.echo(change.shown())
        if self.dry_run:
            self._dry(wanted)
            return
        self.confirm("Make this change?" if len(wanted) == 1 else f"Make these {len(wanted)} changes?")
        for change in wanted:
            change.apply()
            self.say(f"Done: {change.text}", changed=True, change=change.text)

    def confirm_by_name(self, bucket: str, what: str) -> None:
        """Has the bucket's name typed before ``what`` is lost. Raises Refused, Unusable."""
        if self.assume_yes:
            return
        self._require_terminal()
        if click.prompt(f"{what} To continue, type the bucket's name", err=True) != bucket:
            raise Refused("that is not the bucket's name: nothing was changed")

    def _dry(self, wanted: list[Change]) -> None:
        for change in wanted:
            if self.as_json:
                click.echo(
                    json.dumps({"would_change": change.text, "before": change.before, "after": change.after})
                )
        if not self.as_json:
            click.echo("This was a dry run: nothing was changed.")

    def confirm(self, question: str) -> None:
        """Asks, unless ``--yes``. Raises Refused where the answer is no, Unusable where nobody can answer."""
        if self.assume_yes:
            return
        self._require_terminal()
        if not click.confirm(question, err=True):
            raise Refused("nothing was changed")

    def _require_terminal(self) -> None:
        if not sys.stdin.isatty():
            raise Unusable(
                "nobody can answer here: give --yes to go ahead, or --dry-run to see what would change"
            )
