"""For those who run the server: counters, the audit log, damage, and what runs here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice

from flask import Blueprint, abort, render_template, request

from s3portal.console.pages.replication import may_see_connections
from s3portal.console.pages.requests_over_time import over_time
from s3portal.console.texts import gettext as _
from s3portal.console.visit import console, visit
from s3portal.server.operator_view import BOUNDS_S, AuditFilter, OperationCounts, Outcome, quantile_s

_LINES = 200
#: Outcomes from the first digit of a status.
_REFUSED, _FAILED = 4, 5

operating_pages = Blueprint("operating", __name__)


@dataclass(frozen=True)
class OperationLine:
    """An operation's counters as the page shows them; times in seconds, None where nothing was timed."""

    name: str
    count: int
    refused: int
    failed: int
    bytes_in: int
    bytes_out: int
    median_s: float | None
    most_s: float | None
    bars: Sequence[int]


@operating_pages.before_request
def require_operator() -> None:
    if not visit().is_operator:
        abort(403, _("This is for those who run the server: whoever may list its users may see it."))


@operating_pages.get("/server")
def metrics() -> str:
    view = console().backend.view
    lines = sorted((_line(counts) for counts in view.operations()), key=lambda line: -line.count)
    return render_template(
        "console/metrics.html",
        lines=lines,
        over_time=over_time(request.args.get("over", "")),
        most=max((line.count for line in lines), default=1),
        jobs=[(job, _moment(job.last_success_at)) for job in view.jobs()],
        since=view.started_at,
        bounds=[f"{bound * 1000:g} ms" if bound < 1 else f"{bound:g} s" for bound in BOUNDS_S],
    )


@operating_pages.get("/server/audit")
def audit() -> str:
    asked = request.args
    outcomes = [outcome.value for outcome in Outcome]
    wanted = AuditFilter(
        user=asked.get("user", "").strip() or None,
        action=asked.get("action", "").strip() or None,
        bucket=asked.get("bucket", "").strip() or None,
        outcome=Outcome(asked["outcome"]) if asked.get("outcome") in outcomes else None,
        since=_asked_moment("since"),
        until=_asked_moment("until"),
    )
    records = list(islice(console().backend.view.audit(wanted), _LINES + 1))
    return render_template(
        "console/audit.html",
        asked=asked,
        outcomes=outcomes,
        records=records[:_LINES],
        is_part=len(records) > _LINES,
        is_on=console().backend.view.audit_path is not None,
        last=records[_LINES - 1].at if len(records) > _LINES else "",
    )


@operating_pages.get("/server/integrity")
def integrity() -> str:
    return render_template("console/integrity.html", damaged=console().backend.view.damaged())


@operating_pages.get("/server/about")
def about() -> str:
    view = console().backend.view
    return render_template(
        "console/about.html",
        view=view,
        free_bytes=view.free_bytes(),
        store_url=console().store_url(),
        damaged=len(view.damaged()),
        sessions=console().sessions.count(),
    )


def operating_menu() -> list[tuple[str, str, str]]:
    """Tab, endpoint and words of these pages, those that the visitor may see."""
    connections = [("connections", "replication.connections", _("Connections"))]
    return [
        ("metrics", "operating.metrics", _("Requests")),
        ("audit", "operating.audit", _("Audit log")),
        ("integrity", "operating.integrity", _("Integrity")),
        *(connections if may_see_connections() else []),
        ("about", "operating.about", _("About")),
    ]


def _line(counts: OperationCounts) -> OperationLine:
    total = sum(counts.by_outcome)
    return OperationLine(
        name=counts.name,
        count=total,
        refused=counts.by_outcome[_REFUSED],
        failed=counts.by_outcome[_FAILED] + counts.by_outcome[0],
        bytes_in=counts.bytes_in,
        bytes_out=counts.bytes_out,
        median_s=quantile_s(counts.histogram, BOUNDS_S, 0.5),
        most_s=quantile_s(counts.histogram, BOUNDS_S, 0.95),
        bars=tuple(counts.histogram),
    )


def _moment(at_ms: int) -> datetime | None:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc) if at_ms else None


def _asked_moment(name: str) -> datetime | None:
    text = request.args.get(name, "").strip()
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
