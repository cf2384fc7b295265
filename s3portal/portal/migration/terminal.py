"""What the commands of a migration say in a terminal when they end."""

import sys
from collections.abc import Sequence

import click

from s3portal.portal.migration.applying import ApplyReport, apply_changes
from s3portal.portal.migration.interface import ChangeT, Rows

_SHOWN_FAILURES = 20


def change_rows(rows: Rows[ChangeT], changes: Sequence[ChangeT]) -> ApplyReport:
    """Applies the changes under a progress bar and says what became of them; exits with 1 if one failed."""
    report = ApplyReport()
    applying = apply_changes(rows, changes, report)
    with click.progressbar(
        applying, length=len(changes), label="Updating", file=sys.stderr, show_pos=True
    ) as bar:
        for _change in bar:
            pass
    click.echo(f"{report.updated} rows updated, {report.before} needed no update, {report.gone} are gone.")
    say_changed_since(report)
    end(report.failures, "The other rows are updated.")
    return report


def say_changed_since(report: ApplyReport) -> None:
    """Names the rows that stay as they are."""
    if report.changed_since:
        names = list(report.changed_since.values())
        click.secho(
            f"{len(names)} rows now have a different file and stay as they are: "
            f"{', '.join(names[:_SHOWN_FAILURES])}",
            fg="yellow",
            err=True,
        )


def end(failures: Sequence[tuple[str, str]], advice: str) -> None:
    """Says that all is done, or says what failed and exits with 1."""
    if not failures:
        click.secho("All done.", fg="green")
        return
    for name, reason in failures[:_SHOWN_FAILURES]:
        click.secho(f"{name}: {reason}", fg="red", err=True)
    if len(failures) > _SHOWN_FAILURES:
        click.secho(f"... and {len(failures) - _SHOWN_FAILURES} more", fg="red", err=True)
    click.secho(f"{len(failures)} failed. {advice}", fg="red", err=True)
    sys.exit(1)
