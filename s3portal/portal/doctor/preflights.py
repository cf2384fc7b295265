"""Check: browsers may send parts to the store from pages of the portal. Asked as they ask, by OPTIONS."""

from collections.abc import Generator, Iterator, Sequence

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.browsers import Browser, Preflight
from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.causes import Cause, cause_of_silence
from s3portal.portal.doctor.connection import NoAnswer
from s3portal.portal.doctor.fetch_cors import CrossOriginRequest, cors_problem, hidden_headers
from s3portal.portal.doctor.fixes import BucketFix, FixRefused
from s3portal.portal.findings import Finding
from s3portal.transfer import deadline

_SUBJECT = "CORS"
_APPLIED = "applied: "


def examine_preflight(
    case: Case,
    browser: Browser,
    request: CrossOriginRequest,
    part_url: str,
    *,
    apply: bool,
    signed_by: str = "the portal",
) -> Generator[Finding, None, bool]:
    """With ``apply``, adds a rule to the bucket where the browser is not let in. Returns whether it is."""
    may = f"send parts that {signed_by} signs"
    try:
        asked = browser.preflight(request, part_url)
    except NoAnswer as error:
        cause = cause_of_silence(case, error, setting="s3_public_endpoint")
        yield case.stops_browsers(_SUBJECT, f"a browser gets no answer: {cause.text}", cause.mend)
        return False
    if asked.problem is None:
        finding = case.ok(_SUBJECT, f"pages of {browser.origin} may {may}")
    elif asked.signature_is_checked:
        finding = _checked_signature(case, asked)
    elif apply and case.fixes:
        finding = _applied(case, browser, request, part_url)
    else:
        text = f"pages of {browser.origin} may not {may}: {asked.problem}"
        finding = case.stops_browsers(_SUBJECT, text, _mend(case))
    yield finding
    return asked.problem is None or finding.text.startswith(_APPLIED)


def examine_visibility(
    case: Case,
    browser: Browser,
    request: CrossOriginRequest,
    answer: Answer,
    wanted_headers: Sequence[str],
    *,
    apply: bool,
) -> Iterator[Finding]:
    """Whether a script gets to see the answer to its part. With ``apply``, has the bucket show it."""
    if reason := cors_problem(request, answer.headers):
        text = f"browsers discard the answer to a part that was stored: {reason}"
        yield case.stops_browsers(_SUBJECT, text, _mend(case))
        return
    hidden = hidden_headers(request, answer.headers, wanted_headers)
    if not hidden:
        return
    text = (
        f"a browser cannot see that a single part was damaged: {' and '.join(hidden)} not exposed to"
        f" {request.origin}"
    )
    if not apply or case.fixes is None:
        yield case.look(_SUBJECT, text, _mend(case))
        return
    changed = _added(case, browser.origin)
    if isinstance(changed, Finding):
        yield changed
    elif changed:
        yield case.ok(_SUBJECT, f"applied: {' and '.join(hidden)} exposed to {request.origin} from now on")
    else:
        yield case.look(_SUBJECT, text, "check the proxy in front of the store, which may remove headers")


def _checked_signature(case: Case, asked: Preflight) -> Finding:
    """Ceph RGW checks signatures of OPTIONS too where the keys are temporary."""
    text = (
        "the store checks the signature of a preflight, which lacks what is signed in the request of a part"
        f" ({asked.problem}): this store does so for temporary keys"
    )
    mend = f"give the portal permanent keys: {case.setting('s3_access_key_id')}"
    return case.stops_browsers(_SUBJECT, text, mend)


def _applied(case: Case, browser: Browser, request: CrossOriginRequest, part_url: str) -> Finding:
    changed = _added(case, browser.origin)
    if isinstance(changed, Finding):
        return changed
    try:
        asked = browser.preflight(request, part_url)
    except NoAnswer as error:
        cause = cause_of_silence(case, error, setting="s3_public_endpoint")
        return case.stops_browsers(_SUBJECT, cause.text, cause.mend)
    if asked.problem is None:
        return case.ok(_SUBJECT, f"{_APPLIED}pages of {browser.origin} may send parts")
    if changed:
        text = f"a rule for {browser.origin} was added, but the store does not follow it yet: {asked.problem}"
        return case.stops_browsers(_SUBJECT, text, "run the doctor again in a minute")
    text = f"the bucket's rule allows pages of {browser.origin}, but they are still refused: {asked.problem}"
    mend = f"check what is in front of {case.store.address.base_url}, which may answer OPTIONS itself"
    return case.stops_browsers(_SUBJECT, text, mend)


def _mend(case: Case) -> str:
    return case.mend_by(lambda fixes: fixes.let_pages_in)


def _added(case: Case, origin: str) -> bool | Finding:
    """Whether the bucket's rules had to be changed, or why they cannot be."""
    assert case.fixes is not None
    changed = try_adding(case, case.fixes.let_pages_in, origin)
    return changed if isinstance(changed, bool) else case.stops_browsers(_SUBJECT, changed.text, changed.mend)


def try_adding(case: Case, fix: BucketFix, origin: str) -> bool | Cause:
    """Whether adding a rule for this origin changed the bucket's rules, or why it cannot be added."""
    try:
        with deadline(CALL_S):
            return fix.apply()
    except FixRefused as refused:
        if refused.is_not_offered:
            text = f"the store has no CORS rules for {case.store.bucket} alone: {refused.text}"
            return Cause("", text, _global_mend(origin))
        return Cause("", f"a rule could not be added: {refused.text}", refused.mend)


def _global_mend(origin: str) -> str:
    command = f"mc admin config set ALIAS api cors_allow_origin={origin}"
    return f"allow {origin} for the whole store; MinIO: {command}"
