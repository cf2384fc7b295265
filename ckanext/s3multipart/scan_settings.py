"""Settings of the virus scanner."""

from dataclasses import dataclass

from ckanext.s3multipart.clamd_address import CLAMD
from s3portal.transfer import BYTES, choice, setting

#: No clamd looks further into a file: INT_MAX - 2 (libclamav's cl_engine_set_num, CL_ENGINE_MAX_FILESIZE).
MOST_OF_CLAMD_BYTES = 2**31 - 3
REFUSE = "refuse"
ACCEPT = "accept"


@dataclass(frozen=True, kw_only=True)
class ScanSettings:
    """Whether files are checked for viruses, and which are too large for that."""

    scan: str = setting(
        CLAMD,
        "the clamd that checks files for viruses before they are accepted, as `clamd://host:port` or"
        " `clamd+unix:///path`. Empty is none",
        "",
    )
    scan_max_size: int = setting(
        BYTES,
        "the largest file that is sent to clamd. It must be no more than clamd's own `StreamMaxLength` and"
        " `MaxFileSize`",
        100 * 1024 * 1024,
        minimum=1,
    )
    scan_too_large: str = setting(
        choice(REFUSE, ACCEPT),
        "what becomes of files that are too large to be checked: `refuse`; or `accept`, and their page says"
        " that they were not checked",
        REFUSE,
    )

    @property
    def largest_bytes(self) -> int:
        """The largest file that is sent to clamd: of a larger one it says that it is clean, without having
        looked at all of it."""
        return min(self.scan_max_size, MOST_OF_CLAMD_BYTES)
