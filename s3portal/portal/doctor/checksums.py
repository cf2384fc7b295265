"""Check: what parts are compared by after they were sent, and why by that."""

from collections.abc import Iterator

from s3portal.findings import Finding
from s3portal.portal.doctor.case import Case
from s3portal.transfer.checksums import MD5


def examine_checksums(case: Case, algorithm: str | None) -> Iterator[Finding]:
    """``algorithm`` is what an upload was created with just now."""
    name, wanted = case.setting("checksum"), case.store.settings.checksum
    if algorithm is None:
        why = "the setting says so" if wanted == "off" else "ETags are no MD5s under a key of KMS"
        text = f"nothing is compared after sending: {why}"
        mend = (
            f"{name} = auto"
            if wanted == "off"
            else f"use a store that computes CRC64NVME, or {case.setting('s3_sse')} = AES256"
        )
        yield case.look("checksum", text, mend)
    elif algorithm == MD5 and wanted not in ("auto", "md5"):
        text = f"{name} = {wanted}, and the store does not compute it: parts are compared by MD5"
        yield case.look("checksum", text, f"{name} = auto")
    elif algorithm == MD5:
        why = "as the setting says" if wanted == "md5" else "the store does not compute CRC64NVME"
        yield case.ok("checksum", f"parts are compared by MD5: {why}")
    else:
        yield case.ok("checksum", f"parts and files are compared by {algorithm}, which the store computes")
