"""Check: the store answers as S3, knows the keys, has the bucket in this region, and the same time."""

from collections.abc import Generator, Iterator
from dataclasses import replace

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.causes import (
    Cause,
    Told,
    cause_of_answer,
    cause_of_library,
    cause_of_silence,
    not_s3,
    says_unknown_key,
    shortest_url_s,
)
from s3portal.portal.doctor.clock import clock_problem
from s3portal.portal.doctor.connection import Connection, NoAnswer
from s3portal.portal.doctor.signing import signed_url
from s3portal.portal.findings import Finding
from s3portal.transfer import SigningKeys, Store

_NOBODY = SigningKeys("AKIAIOSFODNN7NOBODYS", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYNOBODYSKEY", None)
_LISTING = {"list-type": "2", "max-keys": "1"}
#: How old stores list, and what every store's answer to it has.
_ROOT_ELEMENT = b"<ListBucketResult"


def examine_reach(case: Case, connection: Connection) -> Generator[Finding, None, Case | None]:
    """Returns the case with what was learned about the store, or None if nothing further can be tried."""
    subject = f"bucket {case.store.bucket}"
    tried = _tried(case, connection, case.inside(), "s3_endpoint")
    if isinstance(tried, Cause):
        yield case.wrong(subject, tried.text, tried.mend)
        return None
    problem = _problem(case, tried)
    if problem is not None and problem.kind == "permission" and not names_bad_keys(case, connection):
        case = replace(case, names_bad_keys=False)
        problem = _problem(case, tried)
    if problem is None:
        yield case.ok(subject, "exists, and the keys open it")
    elif problem.kind == "permission":
        yield case.look(subject, f"cannot be listed: {problem.text}", problem.mend)
    else:
        yield case.wrong(subject, problem.text, problem.mend)
        return None
    yield from _examine_clock(case, tried)
    if case.store.settings.browser_endpoint == case.store.settings.s3_endpoint or not case.is_for_browsers:
        return case
    return case if (yield from _examine_public_address(case, connection)) else None


def _examine_public_address(case: Case, connection: Connection) -> Generator[Finding, None, bool]:
    """The same at the address that browsers use."""
    address = case.store.settings.s3_public_endpoint
    subject = "address for browsers"
    tried = _tried(case, connection, case.store, "s3_public_endpoint")
    problem = tried if isinstance(tried, Cause) else _problem(case, tried)
    if problem is None or problem.kind == "permission":
        yield case.ok(subject, f"the same store answers at {address}")
        return True
    if problem.kind == "secret":
        # The keys were right a moment ago, at the other address.
        text = f"{address} changes requests on their way: their signatures are wrong there ({problem.text})"
        mend = f"make the proxy at {case.setting('s3_public_endpoint')} pass Host, path and query unchanged"
    else:
        text, mend = f"browsers are sent to {address}: {problem.text}", problem.mend
    yield case.wrong(
        subject, text, mend.replace(case.setting("s3_endpoint"), case.setting("s3_public_endpoint"))
    )
    return False


def names_bad_keys(case: Case, connection: Connection | None = None) -> bool:
    """Whether the store tells unknown keys from those that may not. Ceph RGW with STS answers AccessDenied to
    keys that no one has ever had."""
    connection = connection or Connection(case.store.settings)
    url = signed_url(case.inside(), "GET", "", _LISTING, shortest_url_s(case), _NOBODY)
    try:
        return says_unknown_key(Told.by(connection.send("GET", url)))
    except NoAnswer:
        return True


def _tried(case: Case, connection: Connection, store: Store, setting: str) -> Answer | Cause:
    try:
        # Not by the library: it would follow a redirect to the right region, which browsers cannot.
        url = signed_url(store, "GET", "", _LISTING, shortest_url_s(case))
        # One try only, so that the administrator need not wait for a store that hangs.
        return connection.send("GET", url, tries=1)
    except NoAnswer as error:
        return cause_of_silence(case, error, setting=setting)
    except Exception as error:  # noqa: BLE001 (whatever the library cannot use, the doctor is to say)
        return cause_of_library(case, error, permission="s3:ListBucket")


def _problem(case: Case, answer: Answer) -> Cause | None:
    if answer.is_success:
        if _ROOT_ELEMENT in answer.body:
            return None
        kind = (answer.header("Content-Type") or "something").partition(";")[0]
        return not_s3(case, f"it answers {kind} to a request for the bucket's listing")
    return cause_of_answer(case, Told.by(answer), permission="s3:ListBucket", resource=case.bucket_arn)


def _examine_clock(case: Case, answer: Answer) -> Iterator[Finding]:
    if answer.ahead_s is None:
        return
    problem = clock_problem(answer.ahead_s, shortest_url_s(case))
    if problem is None:
        yield case.ok("clock", "this computer's and the store's agree")
        return
    finding = case.wrong if problem.stops_everything else case.look
    yield finding("clock", problem.text, "set the clock, and have it kept by NTP (timedatectl set-ntp true)")
