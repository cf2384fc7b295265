"""``/s3multipart/metrics``: what was counted (counting.py) and what waits now, as Prometheus reads it.

It is off unless the setting ``metrics`` is on, and for Prometheus with its token, or a system administrator.
"""

import hmac
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from flask import Blueprint, Response, has_request_context, request

from ckanext.s3multipart.counting import (
    BUCKETS_S,
    COUNTERS,
    JANITOR_LAST,
    STORE_SECONDS,
    Field,
    read_counts,
)
from ckanext.s3multipart.model import UploadRow
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.settings import portal_settings
from ckanext.s3multipart.upkeep.fixity_model import Fixity, FixityRound
from ckanext.s3multipart.upload_states import PUBLISHED, RowState

try:
    import prometheus_client
    from prometheus_client import exposition
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
except ModuleNotFoundError:
    prometheus_client = None

log = logging.getLogger(__name__)

blueprint = Blueprint("s3multipart_metrics", __name__)

_NAMESPACE = "s3multipart_"


@blueprint.route("/s3multipart/metrics")
def metrics() -> Response:
    """All metrics, in the format that the caller accepts."""
    if not portal_settings().metrics:
        return tk.abort(404)
    if not _may_read():
        response = Response("Send the token of metrics_token as a bearer token.\n", status=401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="s3multipart metrics"'
        return _uncached(response)
    if prometheus_client is None:
        words = "Install prometheus-client on the server (pip install 's3portal[ckan]').\n"
        return _uncached(Response(words, status=501))
    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    encode, content_type = exposition.choose_encoder(request.headers.get("Accept", ""))
    return _uncached(Response(encode(registry), content_type=content_type))


def prepare() -> None:
    """One sentence in the log when CKAN starts without what is needed; may be called again."""
    if portal_settings().metrics and prometheus_client is None:
        log.warning("There are no metrics: install prometheus-client (pip install 's3portal[ckan]').")
    # CKAN takes each bearer token for one of its own, and logs an error when it is not, four times a minute.
    logging.getLogger("ckan.lib.api_token").addFilter(_is_about_another_page)


def _is_about_another_page(_record: logging.LogRecord) -> bool:
    return not has_request_context() or request.endpoint != "s3multipart_metrics.metrics"


def _may_read() -> bool:
    token = portal_settings().metrics_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer":
        # Compared in constant time: an answer does not tell how much of a token is right.
        return hmac.compare_digest(given.strip().encode(), token.encode())
    return bool(tk.current_user.is_authenticated and tk.current_user.sysadmin)


def _uncached(response: Response) -> Response:
    request.environ["__no_cache__"] = True
    response.headers["Cache-Control"] = "no-store"
    return response


class _Collector:
    """What prometheus-client asks for metrics when they are read."""

    def collect(self) -> Iterator[Any]:
        counts = read_counts()
        up = GaugeMetricFamily(f"{_NAMESPACE}redis_up", "Whether Redis, which has the counts, answered.")
        up.add_metric([], 0 if counts is None else 1)
        yield up
        if counts is not None:
            yield from _counters(counts)
            yield _store_seconds(counts)
        if is_current():
            yield from _waiting()
            yield from _fixity()
        # Reading ends here, and so does its transaction.
        model.Session.rollback()


def _counters(counts: Mapping[Field, float]) -> Iterator[Any]:
    for counted in COUNTERS:
        labels = [counted.label] if counted.label else []
        family = CounterMetricFamily(f"{_NAMESPACE}{counted.name}", counted.help, labels=labels)
        values = {field[1]: value for field, value in counts.items() if field[0] == counted.name}
        for label, value in sorted((values or ({} if labels else {"": 0.0})).items()):
            family.add_metric([label] if labels else [], value)
        yield family
    last = GaugeMetricFamily(f"{_NAMESPACE}{JANITOR_LAST}", "When the janitor last finished a round.")
    if (JANITOR_LAST, "") in counts:
        last.add_metric([], counts[JANITOR_LAST, ""])
    yield last


def _store_seconds(counts: Mapping[Field, float]) -> Any:
    family = HistogramMetricFamily(
        f"{_NAMESPACE}{STORE_SECONDS}",
        "How long the store took for a request of the portal, with retries.",
        labels=["operation"],
    )
    operations = sorted({field[1] for field in counts if field[0] == STORE_SECONDS})
    for operation in operations:
        buckets, total = [], 0.0
        for end in (*map(str, BUCKETS_S), "+Inf"):
            total += counts.get((STORE_SECONDS, operation, end), 0)
            buckets.append((end, total))
        family.add_metric([operation], buckets, counts.get((STORE_SECONDS, operation, "sum"), 0.0))
    return family


def _waiting() -> Iterator[Any]:
    rows = UploadRow.__table__
    by_state = dict(
        model.Session.execute(sa.select(rows.c.state, sa.func.count()).group_by(rows.c.state)).all()
    )
    deletions = GaugeMetricFamily(
        f"{_NAMESPACE}deletions_waiting", "Files that nothing needs and that the store still has."
    )
    deletions.add_metric([], by_state.get(RowState.REMOVING, 0))
    yield deletions
    uploads = GaugeMetricFamily(
        f"{_NAMESPACE}upload_rows", "Uploads by the state that they are in now.", labels=["state"]
    )
    for state in RowState:
        uploads.add_metric([state.value], by_state.get(state, 0))
    yield uploads


def _fixity() -> Iterator[Any]:
    """What the last round of ``ckan s3multipart verify`` found, by the names that its ``--metrics`` has."""
    found, rounds, rows = Fixity.__table__, FixityRound.__table__, UploadRow.__table__
    last = model.Session.execute(
        sa.select(rounds.c.id, rounds.c.finished_at).order_by(rounds.c.id.desc()).limit(1)
    ).first()
    if last is None:
        return
    counted = model.Session.execute(
        sa.select(found.c.problem, sa.func.count())
        .join(rows, rows.c.id == found.c.upload_id)
        .where(found.c.round_id == last.id, rows.c.state.in_(PUBLISHED))
        .group_by(found.c.problem)
    ).all()
    files = GaugeMetricFamily(
        f"{_NAMESPACE}fixity_files",
        "Published files by what the last round of verifying says of them.",
        labels=["state"],
    )
    by_problem = {"as_recorded": 0, **{problem or "as_recorded": number for problem, number in counted}}
    for state, number in by_problem.items():
        files.add_metric([state], number)
    yield files
    finished = GaugeMetricFamily(f"{_NAMESPACE}fixity_finished", "Whether the round went through all files.")
    finished.add_metric([], int(last.finished_at is not None))
    yield finished
