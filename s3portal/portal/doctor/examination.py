"""One store of a portal, examined from end to end."""

from collections.abc import Iterator
from dataclasses import replace

from s3portal.portal.doctor.addresses import examine_addresses
from s3portal.portal.doctor.browsers import Browser
from s3portal.portal.doctor.case import Case, Use
from s3portal.portal.doctor.causes import cause_of_library
from s3portal.portal.doctor.checksums import examine_checksums
from s3portal.portal.doctor.conditions import examine_conditions
from s3portal.portal.doctor.connection import Connection
from s3portal.portal.doctor.lifecycle import examine_lifecycle
from s3portal.portal.doctor.page_policy import examine_page_policy
from s3portal.portal.doctor.preflights import examine_preflight
from s3portal.portal.doctor.public_access import examine_public_access
from s3portal.portal.doctor.reach import examine_reach
from s3portal.portal.doctor.readers import examine_readers
from s3portal.portal.doctor.sessions import examine_sessions
from s3portal.portal.doctor.signing import signed_url
from s3portal.portal.doctor.trial import Outcome, Sample, examine_plain_write, examine_upload, part_request
from s3portal.portal.doctor.workspace import Workspace, workspace
from s3portal.portal.findings import Finding
from s3portal.transfer import SessionCredentials, SigningKeys


def examine_store(case: Case, *, apply: bool = False) -> Iterator[Finding]:
    """Looks at everything that can keep files from going in and out, and tries it, in the doctor's own corner
    of the bucket, which is empty again afterwards.

    With ``apply``, and where the case has fixes, adds the CORS rules that the portal's pages and readers on
    other sites need and the lifecycle rule for unfinished uploads, beside the rules that are there, and
    blocks public access; nothing else is changed.
    """
    try:
        if not case.is_for_browsers:
            case = replace(case, store=case.inside())
        case.store.credentials()
        case.store.client()
        connection = Connection(case.store.settings)
        browser = Browser(connection, case.origin)
        addresses = list(examine_addresses(case))
    except Exception as error:  # noqa: BLE001 (whatever the library cannot use, the doctor is to say)
        cause = cause_of_library(case, error, permission="")
        yield case.wrong(f"bucket {case.store.bucket}", cause.text, cause.mend)
        return
    yield from addresses
    if case.browser_uploads is not Use.OFF:
        yield from examine_page_policy(case, connection)
    reached = yield from examine_reach(case, connection)
    if reached is None or not reached.is_written:
        return
    case = reached
    with workspace(case.store) as space:
        yield from _examine_by_writing(case, connection, browser, space, apply=apply)
    yield from _examine_left_behind(case, space)
    yield from examine_lifecycle(case, apply=apply)


def _examine_by_writing(
    case: Case, connection: Connection, browser: Browser, space: Workspace, *, apply: bool
) -> Iterator[Finding]:
    if removed := space.remove_remains():
        yield case.ok("doctor", f"{removed} objects left by an earlier run have been removed")
    outcome = Outcome()
    if case.browser_uploads is Use.OFF:
        stored = yield from examine_plain_write(case, browser, space, outcome)
    else:
        stored = yield from examine_upload(case, browser, space, outcome, apply=apply)
    if stored:
        if case.browser_uploads is not Use.OFF:
            yield from examine_checksums(case, outcome.algorithm)
        yield from examine_public_access(case, connection, space, outcome.key, apply=apply)
        if case.other_sites_read:
            yield from examine_readers(case, connection, outcome.key, apply=apply)
        if case.keys_may_meet:
            yield from examine_conditions(case, space)
    if case.store.settings.s3_role:
        credentials = yield from examine_sessions(
            case, connection, space, outcome.key or space.key("nothing")
        )
        if credentials and case.store.settings.upload_mode == "sts":
            yield from _examine_sts_preflight(
                case, browser, space, credentials, outcome.algorithm, apply=apply
            )


def _examine_sts_preflight(
    case: Case,
    browser: Browser,
    space: Workspace,
    credentials: SessionCredentials,
    algorithm: str | None,
    *,
    apply: bool,
) -> Iterator[Finding]:
    """As a browser asks that signs its parts itself: the URL has a token, and pins the host alone."""
    keys = SigningKeys(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    query = {"uploadId": "doctor", "partNumber": "1"}
    url = signed_url(case.store, "PUT", space.key("own/trial.bin"), query, 900, keys)
    request = part_request(browser, Sample(b"", algorithm).part_headers)
    yield from examine_preflight(case, browser, request, url, apply=apply, signed_by="the browser")


def _examine_left_behind(case: Case, space: Workspace) -> Iterator[Finding]:
    if not space.left_behind:
        return
    written, error = space.left_behind[0]
    permission = "s3:AbortMultipartUpload" if written.s3_upload_id else "s3:DeleteObject"
    if written.version_id:
        permission = "s3:DeleteObjectVersion"
    cause = cause_of_library(case, error, permission=permission, resource=f"{case.bucket_arn}/*")
    text = f"what the doctor wrote could not be removed ({written.key}): {cause.text}"
    yield case.wrong("removing", text, cause.mend)
