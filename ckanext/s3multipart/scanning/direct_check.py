"""Checking a file at once, before there is a row for it: for commands that bring files past the portal."""

from ckanext.s3multipart.extending.plugin_calls import after_complete
from ckanext.s3multipart.interfaces import UploadedFile
from ckanext.s3multipart.scanning.errors import FileInfected
from ckanext.s3multipart.scanning.inspection_model import Verdict
from ckanext.s3multipart.scanning.scan_rules import scanned, scanner
from ckanext.s3multipart.settings import portal_store
from s3portal.transfer import Upload, read_object, safe_filename


def check_now(file: UploadedFile, upload: Upload) -> None:
    """Asks other extensions and the scanner about a file that is at the store.

    Raises RefusedByExtension, FileInfected and TooLargeToCheck where it is not accepted; ExtensionFailed,
    ScannerFailed, StoreUnavailable and StoreFailed where that is not known.
    """
    after_complete(file)
    address = scanner()
    if address is None:
        return
    said, _ = scanned(address, upload, read_object(portal_store(), upload))
    if said.verdict == Verdict.INFECTED:
        raise FileInfected(filename=safe_filename(upload.filename), signature=said.signature)
