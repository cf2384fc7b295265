"""Reading one setting of a bucket, of which there may be none."""

from collections.abc import Callable, Collection
from typing import TypeVar

from botocore.exceptions import ClientError

from s3portal.buckets.problems import NotOffered, asking
from s3portal.transfer import Store, error_code

Read = TypeVar("Read")


def read_setting(
    store: Store, permission: str, what: str, call: Callable[[], Read], missing: Collection[str] = ()
) -> Read | None:
    """What ``call`` reads; None where the store answers one of the codes that say that there is none.

    ``call`` raises KeyError where what S3's answer always has is not there: a store that does not know the
    query of an operation takes it for another one, such as ListObjects. Raises Refused, and NotOffered where
    the store lacks ``what`` altogether.
    """
    with asking(store, permission, what=what):
        try:
            return call()
        except ClientError as error:
            if error_code(error) in missing:
                return None
            raise
        except KeyError as error:
            raise NotOffered(f"this store has no {what}: it answers as to another request") from error
