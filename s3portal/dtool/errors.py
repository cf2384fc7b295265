"""Everything that the broker can refuse or fail at, as one small tree of errors.

They are click's own exceptions, so that the dtool command line shows the sentence and exits with 1 instead of
printing a traceback; and RuntimeErrors, which is what scripts written for dtool-s3 catch. Those that an
answer of S3 caused are botocore's ClientError too (answered.py), for the same scripts.
"""

from collections.abc import Mapping, Sequence

import click

_SHOWN_ITEMS = 10


class DtoolS3Error(click.ClickException, RuntimeError):
    """An error that the researcher is told about: what happened, to what, and what to do next."""

    def __str__(self) -> str:
        return self.message


class BucketSettingsError(DtoolS3Error):
    """The settings of a bucket cannot be used."""


class NotPermitted(DtoolS3Error):
    """S3 answered 403: the key may not do this."""


class BucketMissing(DtoolS3Error):
    """There is no such bucket at this endpoint."""


class ObjectMissing(DtoolS3Error):
    """There is no such object in the bucket."""


class StoreFailed(DtoolS3Error):
    """S3 was not reached, or answered with an error after every retry."""


class TooManyOpenFiles(DtoolS3Error):
    """The process may open no further file or connection."""


class RegisteredElsewhere(DtoolS3Error):
    """Someone else makes the same dataset under another prefix at the same time."""


class NotABaseUri(DtoolS3Error):
    """A URI with a path where only a bucket makes sense."""


class ItemUnreadable(DtoolS3Error):
    """The file that is to become an item cannot be read, or changed while it was being sent."""


class ItemDamaged(DtoolS3Error):
    """What came of an item is not what the manifest says, each time it was fetched."""


class UnknownItem(ObjectMissing):
    """The dataset has no such item."""


class CacheUnusable(DtoolS3Error):
    """An item that was fetched cannot be written to the local disk."""


class ForeignObject(DtoolS3Error):
    """An object among the items that dtool did not store, or whose metadata someone removed."""


class NothingToResume(DtoolS3Error):
    """``dtool cp --resume`` of a copy that is complete, or was never begun."""


class PublishingRefused(DtoolS3Error):
    """The dataset cannot be published in this way."""


class ItemsNotStored(DtoolS3Error):
    """Items that were put did not get into the bucket. ``reasons`` has a sentence for each relative path.

    The cause is the error of the first of them, where one was raised.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        listed = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        super().__init__(
            f"{_count(len(listed))} not stored, so the dataset is not complete and stays a proto dataset:\n"
            f"{_first(listed)}\n"
            "What was stored is kept. Run dtool cp again, or put these items again and freeze."
        )


class ItemsMissing(DtoolS3Error):
    """Items that were stored are in the bucket no longer, or with another size."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        super().__init__(
            f"{_count(len(self.names))} no longer in the bucket as stored, so the dataset is not frozen:\n"
            f"{_first(self.names)}\n"
            "Something else removed or replaced them. Put them again, or run dtool cp again."
        )


def _count(number: int) -> str:
    return "1 item is" if number == 1 else f"{number:,} items are"


def _first(lines: Sequence[str]) -> str:
    shown = [f"  {line}" for line in lines[:_SHOWN_ITEMS]]
    if len(lines) > _SHOWN_ITEMS:
        shown.append(f"  and {len(lines) - _SHOWN_ITEMS:,} more")
    return "\n".join(shown)
