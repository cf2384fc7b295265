"""Errors that an answer of S3 caused: botocore's ClientError as well, with its ``response``.

Scripts written for dtool-s3 catch that, and look at the code in it.
"""

from typing import Any

from botocore.exceptions import ClientError

from s3portal.dtool.errors import (
    BucketMissing,
    DtoolS3Error,
    ItemsNotStored,
    NotPermitted,
    ObjectMissing,
    StoreFailed,
)


class _Answered(ClientError):
    """Not made by its own ``__init__``: the message stays ours."""

    def keep_answer(self, error: ClientError) -> None:
        self.response = error.response
        self.operation_name = error.operation_name

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (type(self), self.args, dict(self.__dict__))


class AnsweredBucketMissing(BucketMissing, _Answered):
    """S3 answered that there is no such bucket."""


class AnsweredObjectMissing(ObjectMissing, _Answered):
    """S3 answered that there is no such object."""


class AnsweredNotPermitted(NotPermitted, _Answered):
    """S3 answered 403."""


class AnsweredStoreFailed(StoreFailed, _Answered):
    """S3 answered with another error."""


class AnsweredItemsNotStored(ItemsNotStored, _Answered):
    """Items were not stored, the first of them because of what S3 answered."""


_ANSWERED: dict[type[DtoolS3Error], type[Any]] = {
    BucketMissing: AnsweredBucketMissing,
    ObjectMissing: AnsweredObjectMissing,
    NotPermitted: AnsweredNotPermitted,
    StoreFailed: AnsweredStoreFailed,
    ItemsNotStored: AnsweredItemsNotStored,
}


def answered(kind: type[DtoolS3Error], told: Any, error: ClientError) -> Any:
    """The error of this kind that S3's answer caused. ``told`` is what the kind is made from: its message."""
    made = _ANSWERED[kind](told)
    made.keep_answer(error)
    return made


def _made_again(kind: type[Exception], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> Exception:
    """An error from another process (multiprocessing hands them over pickled)."""
    made = kind.__new__(kind, *arguments)
    made.__dict__.update(attributes)
    return made
