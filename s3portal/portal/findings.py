"""What a doctor found: one thing looked at each, what state it is in, and how to fix it. For terminals."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import click

OK, LOOK, WRONG = "ok", "look", "wrong"


@dataclass(frozen=True)
class Finding:
    """``place`` is whose ``subject`` it is: a backend, a setting. ``state`` is ``ok``, ``look`` (works, could
    be better) or ``wrong``; ``mend`` is what to do about it, one way on each line.
    """

    place: str
    subject: str
    state: str
    text: str
    mend: str = ""


def some(names: Sequence[str], most: int, separator: str) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


def report(found: Iterable[Finding], *, as_json: bool) -> None:
    """Shows the findings, for people or for programs, and exits: 1 where something is wrong."""
    findings = list(found)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    sys.exit(1 if any(finding.state == WRONG for finding in findings) else 0)


def _show(findings: list[Finding]) -> None:
    marks = {OK: click.style("✓", "green"), LOOK: click.style("!", "yellow"), WRONG: click.style("✗", "red")}
    for finding in findings:
        click.echo(f" {marks[finding.state]} {finding.place}: {finding.subject}: {finding.text}")
        if finding.mend:
            first, *others = finding.mend.splitlines()
            click.echo("\n".join([f"     fix: {first}", *(f"      {line}" for line in others)]))
    count = sum(finding.state != OK for finding in findings)
    things = "1 thing" if count == 1 else f"{count} things"
    click.echo(f" {things} to look at." if count else " All is well.")
