"""What can stop a command, each with its exit code and with what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from s3portal.transfer import Store, TransferError, error_code

if TYPE_CHECKING:
    from s3portal.portal.doctor import Case, Cause

# Documented in docs/buckets.md.
EXIT_DONE, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

#: How stores say that they do not have an operation at all (S3 API Reference, "Error responses").
NOT_OFFERED = frozenset({"NotImplemented", "MethodNotAllowed", "XNotImplemented", "501", "405"})


#: An option of the command line for each transfer setting that it says.
OPTION_OF = {
    "s3_bucket": "BUCKET",
    "s3_endpoint": "--endpoint",
    "s3_region": "--region",
    "s3_profile": "--profile",
    "s3_addressing_style": "--addressing-style",
    "s3_access_key_id": "AWS_ACCESS_KEY_ID",
    "s3_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "s3_session_token": "AWS_SESSION_TOKEN",
    "s3_role": "--role",
}


@dataclass
class BucketProblem(Exception):
    """What stopped a command. ``mend`` says what to do about it."""

    text: str
    mend: str = ""

    exit_code = EXIT_REFUSED

    def __str__(self) -> str:
        return f"{self.text}\n  fix: {self.mend}" if self.mend else self.text


class Unusable(BucketProblem):
    """The command cannot be run as given."""

    exit_code = EXIT_USAGE


class Refused(BucketProblem):
    """The store, the bucket or a rule of ours does not let it happen. Nothing was changed by this call."""


class NotOffered(Refused):
    """The store does not have this. It is no fault of the bucket."""


@contextmanager
def asking(store: Store, permission: str, *, resource: str = "", what: str = "") -> Iterator[None]:
    """A call of the store. Its errors become Refused, with the cause and the ``permission`` that the call
    needs (``s3:PutBucketPolicy``), or NotOffered, with ``what`` the store lacks ("bucket policies")."""
    try:
        yield
    except ParamValidationError as error:
        _, _, problem = str(error).partition("\n")
        raise Unusable(f"{store.bucket}: S3 has no such value: {problem}") from error
    except (ClientError, BotoCoreError, TransferError) as error:
        if isinstance(error, ClientError) and what and error_code(error) in NOT_OFFERED:
            raise NotOffered(f"this store has no {what}: it answers {error_code(error)}") from error
        cause = cause_of(store, error, permission=permission, resource=resource)
        raise Refused(cause.text, cause.mend) from error


def require_bucket(store: Store) -> None:
    """Raises Refused where there is no such bucket, or the keys may not look at it."""
    with asking(store, "s3:ListBucket"):
        try:
            store.client().head_bucket(Bucket=store.bucket)
        except ClientError as error:
            # An answer to HEAD has no code in its body.
            if error_code(error) == "404":
                mend = "check the name, the region and the endpoint, or create it: s3portal bucket create"
                raise Refused(f"there is no bucket {store.bucket}", mend) from error
            # Nor does it say whether a permission is missing or a key is wrong. A listing says it, and needs
            # the same permission.
            store.client().list_objects_v2(Bucket=store.bucket, MaxKeys=1)


def cause_of(store: Store, error: BaseException, *, permission: str, resource: str = "") -> "Cause":
    """Why a call failed, and what to do."""
    # The doctor knows all causes. Loading it takes longer than most commands, so it waits for a need.
    from s3portal.portal.doctor import cause_of_library, names_bad_keys

    resource = resource or f"arn:aws:s3:::{store.bucket}"
    case = case_of(store)
    cause = cause_of_library(case, error, permission=permission, resource=resource)
    if cause.kind != "permission" or store.settings.on_aws:
        return cause
    if names_bad_keys(case):
        return cause
    return cause_of_library(
        replace(case, names_bad_keys=False), error, permission=permission, resource=resource
    )


def case_of(store: Store, *, origin: str = "", command: str = "s3portal bucket doctor") -> "Case":
    """The bucket as the portals' doctor knows it."""
    from s3portal.portal.doctor import Case, Use

    return Case(
        place=store.bucket,
        store=store,
        site_url=origin,
        host="s3portal",
        command=command,
        setting=lambda name: OPTION_OF.get(name, name),
        browser_uploads=Use.ON if origin else Use.OFF,
        browser_downloads=bool(origin),
    )
