"""Verifying all published files against the store: in rounds, which are resumed until they are finished."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.file_verifying import RecordedFile, Verified, verify_file
from ckanext.s3multipart.upkeep.fixity_model import Fixity, FixityRound
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from ckanext.s3multipart.uploads.sha256 import record_sha256
from s3portal.transfer import StoreError, Upload, safe_filename

log = logging.getLogger(__name__)

_AT_A_TIME = 8
_BATCH = 200
#: A store that does not answer for so many files in a row is left alone.
_GIVE_UP_AFTER = 3 * _AT_A_TIME

_ROWS = UploadRow.__table__
_FOUND = Fixity.__table__


@dataclass(frozen=True)
class FixityProblem:
    """A published file that is not as it was recorded."""

    upload: str
    file: str
    key: str
    problem: str
    detail: str


@dataclass(frozen=True)
class FixityReport:
    """One round so far. ``verified`` of ``total`` files; ``unanswered`` are those that the store did not
    speak of. ``resumed`` says that an earlier run began it."""

    deep: bool
    resumed: bool
    finished: bool
    total: int
    verified: int
    streamed: int
    unanswered: int
    problems: tuple[FixityProblem, ...]


def verify(
    *, deep: bool = False, restart: bool = False, heard: Callable[[int, int], None] = lambda *_: None
) -> FixityReport:
    """Verifies what this round has not verified yet, and tells ``heard`` how many of how many are done.

    What is found is kept file by file, so that a round that was stopped is resumed; ``restart`` begins a new
    one instead.
    """
    round_id, resumed = _round(deep, restart)
    unanswered: set[str] = set()
    in_a_row = 0
    while in_a_row < _GIVE_UP_AFTER and (files := _to_verify(round_id, unanswered)):
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for file, found in zip(files, pool.map(lambda each: _verified(each, deep), files), strict=True):
                if found is None:
                    unanswered.add(file.upload.id)
                    in_a_row += 1
                    continue
                in_a_row = 0
                _record(round_id, found)
                heard(_verified_count(round_id), _total())
    report = report_of(round_id, resumed, len(unanswered))
    if not unanswered:
        model.Session.execute(
            FixityRound.__table__.update()
            .where(FixityRound.__table__.c.id == round_id)
            .values(finished_at=now())
        )
        model.Session.commit()
    return report


def report_of(round_id: int, resumed: bool, unanswered: int) -> FixityReport:
    """What a round has found so far."""
    deep = model.Session.get(FixityRound, round_id).deep
    of_round = (_FOUND.c.round_id == round_id) & (_ROWS.c.state.in_(PUBLISHED))
    joined = _FOUND.join(_ROWS, _ROWS.c.id == _FOUND.c.upload_id)
    streamed = model.Session.execute(
        sa.select(sa.func.count()).select_from(joined).where(of_round, _FOUND.c.streamed)
    ).scalar()
    bad = model.Session.execute(
        sa.select(_ROWS, _FOUND.c.problem, _FOUND.c.detail)
        .select_from(joined)
        .where(of_round, _FOUND.c.problem.isnot(None))
        .order_by(_ROWS.c.key)
    )
    problems = tuple(FixityProblem(row.id, _shown(row), row.key, row.problem, row.detail) for row in bad)
    total, verified = _total(), _verified_count(round_id)
    model.Session.commit()
    return FixityReport(
        deep=deep,
        resumed=resumed,
        finished=not unanswered and verified >= total,
        total=total,
        verified=verified,
        streamed=int(streamed or 0),
        unanswered=unanswered,
        problems=problems,
    )


def _round(deep: bool, restart: bool) -> tuple[int, bool]:
    """The round to work on, and whether it was begun before. Only the last one is resumed, and only by a run
    of its kind."""
    last = model.Session.query(FixityRound).order_by(FixityRound.id.desc()).first()
    if last is not None and not restart and last.finished_at is None and last.deep == deep:
        return last.id, True
    begun = FixityRound(deep=deep, started_at=now())
    model.Session.add(begun)
    model.Session.commit()
    return begun.id, False


def _to_verify(round_id: int, unanswered: set[str]) -> list[RecordedFile]:
    done = sa.exists().where(_FOUND.c.upload_id == _ROWS.c.id, _FOUND.c.round_id == round_id)
    wanted = (
        sa.select(UploadRow)
        .where(_ROWS.c.state.in_(PUBLISHED), ~done, _ROWS.c.id.notin_(sorted(unanswered)))
        .order_by(_ROWS.c.id)
        .limit(_BATCH)
        .execution_options(populate_existing=True)
    )
    rows = model.Session.execute(wanted).scalars().all()
    files = [RecordedFile(row.as_upload(), row.sha256 or "", _shown(row)) for row in rows]
    # No connection is held while the store is asked.
    model.Session.commit()
    return files


def _verified(file: RecordedFile, deep: bool) -> Verified | None:
    try:
        return verify_file(portal_store(), file, deep=deep)
    except StoreError as error:
        log.warning("%s is not verified: %s", file.shown, error)
        return None


def _record(round_id: int, found: Verified) -> None:
    upload = found.file.upload
    if found.problem and not _is_as_read(upload):
        # It was moved or removed while the store was asked. What is still published is verified again.
        return
    if found.problem:
        log.error("%s, %s: %s: %s", found.file.shown, upload.key, found.problem, found.detail)
    elif found.sha256 not in ("", found.file.sha256):
        if found.file.sha256:
            log.warning(
                "%s: the SHA-256 is %s; its publisher's program said %s",
                found.file.shown,
                found.sha256,
                found.file.sha256,
            )
        record_sha256(upload.id, found.sha256)
    values = {
        "round_id": round_id,
        "verified_at": now(),
        "streamed": found.streamed,
        "problem": found.problem or None,
        "detail": found.detail or None,
    }
    is_there = sa.select(sa.literal(upload.id)).where(sa.exists().where(_ROWS.c.id == upload.id))
    # Its row may have been deleted meanwhile.
    if model.Session.execute(is_there).first():
        model.Session.execute(
            insert(_FOUND)
            .values(upload_id=upload.id, **values)
            .on_conflict_do_update(index_elements=["upload_id"], set_=values)
        )
    model.Session.commit()


def _is_as_read(upload: Upload) -> bool:
    """Whether the file is still published, and where it was."""
    current = model.Session.execute(
        sa.select(_ROWS.c.key, _ROWS.c.version_id).where(
            _ROWS.c.id == upload.id, _ROWS.c.state.in_(PUBLISHED)
        )
    ).first()
    model.Session.commit()
    return current is not None and tuple(current) == (upload.key, upload.version_id)


def _total() -> int:
    count = sa.select(sa.func.count()).select_from(_ROWS).where(_ROWS.c.state.in_(PUBLISHED))
    return int(model.Session.execute(count).scalar() or 0)


def _verified_count(round_id: int) -> int:
    joined = _FOUND.join(_ROWS, _ROWS.c.id == _FOUND.c.upload_id)
    count = sa.select(sa.func.count()).select_from(joined)
    of_round = count.where(_FOUND.c.round_id == round_id, _ROWS.c.state.in_(PUBLISHED))
    return int(model.Session.execute(of_round).scalar() or 0)


def _shown(row: UploadRow) -> str:
    version = ", an earlier version" if row.state == RowState.VERSION else ""
    return f"{safe_filename(row.filename)} (dataset {row.owner_id}, resource {row.resource_id}{version})"


def as_metrics(report: FixityReport) -> str:
    """The report as Prometheus reads it from a file (node_exporter's textfile collector)."""
    kinds: Sequence[str] = sorted({problem.problem for problem in report.problems})
    lines = [
        "# HELP s3multipart_fixity_files Published files by what the last round of verifying says of them.",
        "# TYPE s3multipart_fixity_files gauge",
        f's3multipart_fixity_files{{state="as_recorded"}} {report.verified - len(report.problems)}',
        f's3multipart_fixity_files{{state="unanswered"}} {report.unanswered}',
        f's3multipart_fixity_files{{state="not_verified"}} {report.total - report.verified}',
    ]
    for kind in kinds:
        count = sum(problem.problem == kind for problem in report.problems)
        lines.append(f's3multipart_fixity_files{{state="{kind}"}} {count}')
    lines += [
        "# HELP s3multipart_fixity_finished Whether the round went through all files.",
        "# TYPE s3multipart_fixity_finished gauge",
        f"s3multipart_fixity_finished {int(report.finished)}",
    ]
    return "\n".join(lines) + "\n"
