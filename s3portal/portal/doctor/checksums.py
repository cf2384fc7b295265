"""Check: what parts are compared by after they were sent, and why by that."""

from collections.abc import Iterator

from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.causes import cause_of_library
from s3portal.portal.findings import Finding
from s3portal.transfer import (
    CHECKSUM_AUTO,
    CHECKSUM_OFF,
    MD5,
    StoreError,
    checksum_support,
    deadline,
    open_store,
)

_SUBJECT = "checksum"


def examine_checksums(case: Case, used: str | None) -> Iterator[Finding]:
    """``used`` is the algorithm that an upload was created with just now."""
    name, wanted = case.setting("checksum"), case.store.settings.checksum
    try:
        # A new store asks again, whatever this process or the portal remembers.
        with deadline(CALL_S):
            found = checksum_support(open_store(case.store.settings))
    except StoreError as error:
        cause = cause_of_library(case, error, permission="s3:PutObject", resource=f"{case.bucket_arn}/*")
        yield case.look(_SUBJECT, f"it is not known what the store computes: {cause.text}", cause.mend)
        return
    if not found.answered:
        yield case.look(_SUBJECT, found.reason, "run the doctor again when the store works again")
    elif found.algorithm != used:
        text = f"uploads are compared by {used or 'nothing'}, but the store has changed since: {found.reason}"
        yield case.look(_SUBJECT, text, "restart the portal, so that it asks the store again")
    elif found.algorithm is None:
        mend = f"{name} = auto" if wanted == CHECKSUM_OFF else "use a store that computes CRC64NVME"
        yield case.look(_SUBJECT, f"nothing is compared after sending: {found.reason}", mend)
    elif found.algorithm == MD5 and wanted not in (CHECKSUM_AUTO, "md5"):
        yield case.look(
            _SUBJECT, f"{name} = {wanted}, but parts are compared by MD5: {found.reason}", f"{name} = auto"
        )
    else:
        whole = "parts" if found.algorithm == MD5 else "parts and whole files"
        yield case.ok(_SUBJECT, f"{whole} are compared by {found.algorithm}: {found.reason}")
