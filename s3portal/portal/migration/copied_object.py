"""An object that is copied within one store: its bytes stay there. A run that was killed is resumed."""

from collections.abc import Mapping
from dataclasses import replace

from s3portal.portal.migration.interface import AlreadyThere, NotVerified
from s3portal.portal.migration.sent_object import SentObject, begun_before, found_object
from s3portal.transfer import (
    ContentDiffers,
    CopySource,
    SourceChanged,
    State,
    Store,
    Upload,
    copy_step,
    delete_object,
)


def copy_object(store: Store, source: CopySource, planned: Upload, metadata: Mapping[str, str]) -> SentObject:
    """Copies an object to the key of ``planned``, and compares it by what the store says of both: an MD5, a
    checksum, or that the source has not been written again. Its SHA-256 is not known.

    Raises AlreadyThere where the key has an object, NotVerified where the source has changed,
    StoreUnavailable, StoreFailed.
    """
    if found_object(store, planned.key) is not None:
        raise AlreadyThere(f"there is an object under {planned.key}")
    begun = begun_before(store, planned.key)
    target = replace(planned, s3_upload_id=begun[0].s3_upload_id if begun else "")
    try:
        while target.state != State.COMPLETED:
            target = copy_step(store, source, target, metadata=metadata, keep_going=lambda: True)
    except SourceChanged as error:
        raise NotVerified(f"{source.key} has changed. Run the same command again.") from error
    except ContentDiffers as error:
        delete_object(store, planned.key)
        raise NotVerified(f"what arrived under {planned.key} is not the file: {error}") from error
    return SentObject(target, "")
