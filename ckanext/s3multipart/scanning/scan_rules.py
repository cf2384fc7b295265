"""Whether files are scanned, and what becomes of those that are too large for it."""

from collections.abc import Iterable

from ckanext.s3multipart.clamd_address import ClamdAddress, parse_clamd_address
from ckanext.s3multipart.scan_settings import REFUSE
from ckanext.s3multipart.scanning.clamd import Scanned, scan, version
from ckanext.s3multipart.scanning.errors import TooLargeToCheck
from ckanext.s3multipart.scanning.inspection_model import Verdict
from ckanext.s3multipart.settings import PREFIX, scan_settings
from s3portal.transfer import Upload


def scanner() -> ClamdAddress | None:
    """Where files are scanned, None where they are not."""
    address = scan_settings().scan
    return parse_clamd_address(address) if address else None


def is_too_large(size_bytes: int) -> bool:
    """Whether a file is not sent to the scanner at all."""
    return size_bytes > scan_settings().largest_bytes


def require_scannable(size_bytes: int) -> None:
    """Before a file is sent: raises TooLargeToCheck where it would be refused when it has arrived."""
    if scanner() is not None and is_too_large(size_bytes):
        refuse_too_large(size_bytes)


def refuse_too_large(size_bytes: int) -> None:
    """Raises TooLargeToCheck unless the site accepts files that were not checked."""
    settings = scan_settings()
    if settings.scan_too_large == REFUSE:
        limit = min(settings.largest_bytes, size_bytes)
        raise TooLargeToCheck(limit=limit, given=size_bytes, setting=f"{PREFIX}scan_too_large")


def scanned(address: ClamdAddress, upload: Upload, blocks: Iterable[bytes]) -> tuple[Scanned, str]:
    """What the scanner says of the file, and its version, "" where it was not asked. The blocks are read only
    if it is. Raises TooLargeToCheck, ScannerFailed, and what the blocks raise."""
    said, scanned_by = Scanned(Verdict.TOO_LARGE), ""
    if not is_too_large(upload.size_bytes):
        scanned_by = version(address)
        said = scan(address, blocks)
    if said.verdict == Verdict.TOO_LARGE:
        refuse_too_large(upload.size_bytes)
    return said, scanned_by
