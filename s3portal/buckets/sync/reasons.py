"""What went wrong with one file, in a sentence."""

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.buckets.sync.file_reads import Changed
from s3portal.buckets.sync.large import Interrupted
from s3portal.buckets.sync.local_files import UnsafePath
from s3portal.buckets.sync.requests import BrokenAnswer, RequestFailed
from s3portal.transfer import TransferError, error_code

_CHANGED = "was changed in the target by someone else since it was listed: left as it is now"


def reason_of(call: Callable[[], object], permissions: str = "") -> str:
    """Calls, and says what went wrong; "" where nothing did. ``permissions`` are what the call needs."""
    try:
        call()
    except RequestFailed as error:
        if error.changed_meanwhile:
            return _CHANGED
        if permissions and error.failure.code == "AccessDenied":
            return f"{error} (this needs {permissions})"
        return str(error)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (409, 412):
            return _CHANGED
        if permissions and error_code(error) == "AccessDenied":
            return f"{error} (this needs {permissions})"
        return str(error)
    except (
        UnsafePath,
        Changed,
        Interrupted,
        BrokenAnswer,
        OSError,
        BotoCoreError,
        TransferError,
    ) as error:
        return str(error)
    return ""
