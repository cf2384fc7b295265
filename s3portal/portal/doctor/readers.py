"""Check: scripts of other sites may read public files, in ranges, by the portal's links. Asked as a browser
asks after a redirect to another origin, with ``Origin: null`` (Fetch Standard, "HTTP-redirect fetch")."""

from collections.abc import Iterator

from s3portal.portal.doctor.browsers import Browser
from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.connection import Connection, NoAnswer
from s3portal.portal.doctor.fetch_cors import cors_problem, hidden_headers
from s3portal.portal.doctor.preflights import try_adding
from s3portal.portal.findings import Finding
from s3portal.transfer import EXPOSED_TO_READERS, INERT_TYPE, TransferError, presign_get

_SUBJECT = "CORS for readers"
#: The last bytes of a file, in which Parquet has its index; this range needs a preflight.
_LAST_BYTES = {"Range": "bytes=-8"}
_PUBLIC = "public files"


def examine_readers(case: Case, connection: Connection, key: str, *, apply: bool) -> Iterator[Finding]:
    """``key`` is that of an object that is there. With ``apply``, adds a rule to the bucket where readers are
    not let in."""
    try:
        url = presign_get(
            case.store,
            key,
            filename="trial.bin",
            content_type=INERT_TYPE,
            expires_s=case.store.settings.download_expires,
        )
        problem = _problem(connection, url)
        if problem is None:
            yield case.ok(_SUBJECT, f"scripts of other sites may read {_PUBLIC} by their links")
            return
        text = f"scripts of other sites cannot read {_PUBLIC} by their links: {problem}"
        if not apply or case.fixes is None:
            yield case.look(_SUBJECT, text, case.mend_by(lambda fixes: fixes.let_readers_in))
            return
        changed = try_adding(case, case.fixes.let_readers_in, "*")
        if not isinstance(changed, bool):
            yield case.look(_SUBJECT, changed.text, changed.mend)
            return
        problem = _problem(connection, url)
    except (NoAnswer, TransferError) as error:
        yield case.look(_SUBJECT, f"could not be tried: {error}", "run the doctor again")
        return
    if problem is None:
        yield case.ok(_SUBJECT, f"applied: scripts of other sites may read {_PUBLIC} by their links")
    elif changed:
        text = f"a rule for readers on all sites was added, but the store does not follow it yet: {problem}"
        yield case.look(_SUBJECT, text, "run the doctor again in a minute")
    else:
        text = f"the bucket's rule allows readers on all sites, but they are still refused: {problem}"
        mend = f"check what is in front of {case.store.address.base_url}, which may answer itself"
        yield case.look(_SUBJECT, text, mend)


def _problem(connection: Connection, url: str) -> str | None:
    """Why a script could not read the end of the file; None: it could. Raises NoAnswer."""
    browser = Browser(connection, "null")
    request = browser.request("GET", headers=_LAST_BYTES)
    asked = browser.preflight(request, url)
    if asked.problem is not None:
        return asked.problem
    answer = browser.send(request, url)
    if problem := cors_problem(request, answer.headers):
        return problem
    hidden = hidden_headers(request, answer.headers, EXPOSED_TO_READERS)
    return f"{' and '.join(hidden)} not exposed" if hidden else None
