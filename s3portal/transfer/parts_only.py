"""Whether the store keeps session credentials to sending parts: S3's condition
``s3:ObjectCreationOperation``.

With it, whoever holds an upload's credentials sends parts and creates no object, so that what was completed
cannot be written again. Not every store knows the condition, and some accept it and look at no condition at
all. So it is tried, with just the calls that it is for: credentials that are made as an upload's are must
send a part and must be refused PutObject and CompleteMultipartUpload."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from s3portal.transfer.checksum_trial import checksum_algorithm, checksum_arguments
from s3portal.transfer.creation import creation_arguments
from s3portal.transfer.encryption import encryption_arguments
from s3portal.transfer.error_translation import error_code, is_passing, store_errors
from s3portal.transfer.keys import object_key
from s3portal.transfer.lifecycle import delete_object
from s3portal.transfer.session_credentials import assume_upload_role
from s3portal.transfer.store import Store, open_store
from s3portal.transfer.store_failures import StoreFailed, StoreUnavailable
from s3portal.transfer.store_knowledge import KnownAnswer, NoAnswer, find_out

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedMultipartUploadTypeDef

logger = logging.getLogger(__name__)

_BODY = b"s3portal"
_KEEPS = "yes"

#: Creates an object and answers its version id, None without versions.
_Creation = Callable[[], str | None]


class _UploadArguments(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


def keeps_to_parts(store: Store, site: str) -> bool:
    """Whether credentials that are made with ``parts_only`` send parts and create no object.

    False where the store was seen not to do so, and where nothing is known: then it is asked again later.
    Takes about eight small requests a day, and leaves no object. Raises StoreUnavailable, StoreMisconfigured.
    """
    question = f"session credentials for {store.settings.s3_role} create no object"
    answer, silence = find_out(store, question, lambda: _tried(store, site))
    if answer is None:
        logger.warning("Unknown whether %s: %s", question, silence)
    return answer is not None and answer.is_recent and answer.value == _KEEPS


def _tried(store: Store, site: str) -> KnownAnswer:
    """What the store does. Raises NoAnswer, StoreUnavailable, StoreMisconfigured."""
    key = object_key(store.settings.s3_prefix, "s3portal", "credentials-probe", str(uuid.uuid4()), "probe")
    try:
        with store_errors("ProbePartsOnly"):
            s3_upload_id = _begin(store, key)
            try:
                why_not = _why_not(
                    store, site, {"Bucket": store.bucket, "Key": key, "UploadId": s3_upload_id}
                )
            finally:
                _abort(store, key, s3_upload_id)
    except StoreUnavailable as error:
        # A store that answers, only with an error that passes, was reached.
        if isinstance(error.__cause__, ClientError):
            raise NoAnswer(f"it answered {error_code(error.__cause__)}") from error
        raise
    except StoreFailed as error:
        raise NoAnswer(f"{error.operation} was answered {error.store_code}") from error
    if why_not is None:
        return KnownAnswer(_KEEPS, "the store enforces s3:ObjectCreationOperation")
    logger.warning(
        "The store of bucket %s does not enforce s3:ObjectCreationOperation (%s): files whose parts are sent"
        " with session credentials are copied to another key when they are complete",
        store.bucket,
        why_not,
    )
    return KnownAnswer("", why_not)


def _begin(store: Store, key: str) -> str:
    arguments = creation_arguments(store, key=key, filename="probe", content_type="", metadata={})
    checksums = checksum_arguments(checksum_algorithm(store))
    return store.client().create_multipart_upload(**arguments, **checksums)["UploadId"]


def _abort(store: Store, key: str, s3_upload_id: str) -> None:
    try:
        store.client().abort_multipart_upload(Bucket=store.bucket, Key=key, UploadId=s3_upload_id)
    except ClientError as error:
        # What was found out stays true; the bucket's lifecycle rule removes the part of eight bytes.
        logger.warning("The upload of a probe could not be aborted: %s", error)


def _why_not(store: Store, site: str, upload: _UploadArguments) -> str | None:
    """None where parts are sent and nothing else, else what was found."""
    refused = "a part was refused with the condition, and not without it"
    try:
        client = _client_with(store, site, upload["Key"], parts_only=True)
        etag = client.upload_part(**upload, PartNumber=1, Body=_BODY)["ETag"]
    except (ClientError, StoreFailed) as error:
        if isinstance(error, ClientError) and is_passing(error):
            raise
        # Something else may be wrong with the role: then this raises what it is.
        _client_with(store, site, upload["Key"], parts_only=False).upload_part(
            **upload, PartNumber=1, Body=_BODY
        )
        return refused
    if not _is_denied(store, upload["Key"], _put(client, store, upload["Key"])):
        return "PutObject was not denied"
    if not _is_denied(store, upload["Key"], _complete(client, upload, etag)):
        return "CompleteMultipartUpload was not denied"
    return None


def _put(client: "S3Client", store: Store, key: str) -> _Creation:
    # As the bucket may demand it, so that it is the condition that refuses, and nothing else.
    encryption = encryption_arguments(store.settings.s3_sse)
    return lambda: client.put_object(Bucket=store.bucket, Key=key, Body=_BODY, **encryption).get("VersionId")


def _complete(client: "S3Client", upload: _UploadArguments, etag: str) -> _Creation:
    parts: CompletedMultipartUploadTypeDef = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    return lambda: client.complete_multipart_upload(**upload, MultipartUpload=parts).get("VersionId")


def _is_denied(store: Store, key: str, create: _Creation) -> bool:
    """Tries to create an object, and removes the one that should not be there."""
    try:
        version_id = create()
    except ClientError as error:
        if is_passing(error):
            raise
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    delete_object(store, key, version_id)
    return False


def _client_with(store: Store, site: str, key: str, *, parts_only: bool) -> "S3Client":
    credentials = assume_upload_role(store, "probe", site, key=key, parts_only=parts_only)
    settings = replace(
        store.settings,
        s3_access_key_id=credentials.access_key_id,
        s3_secret_access_key=credentials.secret_access_key,
        s3_session_token=credentials.session_token,
        s3_profile="",
        # As parts are sent, which have the upload's own checksum or none.
        s3_checksums="when_required",
    )
    return open_store(settings).client()
