"""What the doctor says of the virus scanner: whether it answers, finds the test virus, and what waits for
it."""

from collections.abc import Iterator
from datetime import timedelta

from ckan import model

from ckanext.s3multipart.clamd_address import ClamdAddress
from ckanext.s3multipart.model import now
from ckanext.s3multipart.scan_settings import REFUSE
from ckanext.s3multipart.scanning.clamd import ping, scan, takes, version
from ckanext.s3multipart.scanning.eicar import EICAR
from ckanext.s3multipart.scanning.errors import ScannerFailed
from ckanext.s3multipart.scanning.inspection_model import Inspection, Verdict
from ckanext.s3multipart.scanning.quarantine import quarantined
from ckanext.s3multipart.scanning.scan_rules import scanner
from ckanext.s3multipart.settings import PREFIX, scan_settings, transfer_settings
from s3portal.portal.findings import LOOK, OK, WRONG, Finding
from s3portal.transfer import format_size

_PLACE = PREFIX + "scan"
#: A file that waits longer has been looked at by the janitor in vain.
_WAITS = timedelta(hours=2)


def examine_scanner() -> Iterator[Finding]:
    """Looks at everything."""
    address = scanner()
    if address is not None:
        yield _examine_clamd(address)
        yield from _examine_limit(address)
        yield from _examine_sizes()
    yield from _examine_quarantine()


def _examine_clamd(address: ClamdAddress) -> Finding:
    subject = "virus scanner"
    try:
        ping(address)
        answers = version(address)
        found = scan(address, [EICAR])
    except ScannerFailed as error:
        mend = "start clamd, or change the address; files wait in quarantine until it answers"
        return Finding(_PLACE, subject, WRONG, error.cause, mend)
    if found.verdict != Verdict.INFECTED:
        text = f"{answers} does not find the EICAR test virus"
        return Finding(_PLACE, subject, WRONG, text, "load its signatures: run freshclam")
    return Finding(_PLACE, subject, OK, f"{answers} finds the EICAR test virus ({found.signature})")


def _examine_limit(address: ClamdAddress) -> Iterator[Finding]:
    """Whether clamd can do what `scan_max_size` asks of it."""
    place, subject, settings = PREFIX + "scan_max_size", "large files", scan_settings()
    wanted, possible = format_size(settings.scan_max_size), format_size(settings.largest_bytes)
    if settings.scan_max_size > settings.largest_bytes:
        text = (
            f"is {wanted}, but no clamd looks into files of more than {possible}: they count as too large for"
            " the virus scanner"
        )
        yield Finding(place, subject, LOOK, text, f"set it to {possible} at the most")
    try:
        is_taken = takes(address, settings.largest_bytes)
    except ScannerFailed:
        # That clamd does not answer has been said.
        return
    if not is_taken:
        text = (
            f"is {wanted}, but clamd at {address} takes less (its StreamMaxLength): the files in between are"
            " sent to it, and then count as too large"
        )
        mend = (
            f"set StreamMaxLength and MaxFileSize of its clamd.conf to {possible}, or this to what they are"
        )
        yield Finding(place, subject, LOOK, text, mend)


def _examine_sizes() -> Iterator[Finding]:
    settings, (allowed, _) = scan_settings(), transfer_settings().size_limit
    if allowed <= settings.largest_bytes:
        return
    size = format_size(settings.largest_bytes)
    if settings.scan_too_large == REFUSE:
        text = f"refuses files of more than {size}, which are too large for the virus scanner"
    else:
        text = f"accepts files of more than {size} without checking them"
    yield Finding(
        PREFIX + "scan_too_large", "large files", LOOK, text, "see docs/ckan.md, Checking files for viruses"
    )


def _examine_quarantine() -> Iterator[Finding]:
    subject, waiting = "quarantine", len(quarantined())
    late = (
        model.Session.query(Inspection.last_error)
        .filter(Inspection.upload_id.in_(quarantined()), Inspection.began_at < now() - _WAITS)
        .order_by(Inspection.began_at)
        .all()
    )
    model.Session.commit()
    if late:
        why = next((row.last_error for row in late if row.last_error), "no background job has looked at them")
        text = f"{len(late):,} files have waited for more than two hours to be checked: {why}"
        mend = "run `ckan jobs worker`, and ckan s3multipart janitor daily"
        yield Finding("uploads", subject, WRONG, text, mend)
    elif waiting:
        yield Finding("uploads", subject, OK, f"{waiting:,} files are being checked")
