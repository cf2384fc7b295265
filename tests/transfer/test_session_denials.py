"""Session credentials open one upload, or one dataset, and nothing else: every operation that boto3 knows is
tried.

The store is real, since it is the store that has to refuse.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape
from foreign_store import MISUNDERSTOOD_ELSEWHERE, is_foreign, require_mac_in_tokens

from s3portal.transfer import (
    SessionCredentials,
    State,
    Store,
    Upload,
    assume_upload_role,
    complete_upload,
    dataset_prefix,
    list_parts,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Begin = Callable[..., Upload]

MULTIPART = {
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CreateMultipartUpload",
    "ListParts",
    "PutObject",
    "UploadPart",
}
#: Not requests to a bucket: an answer of S3 Object Lambda, and what only directory buckets have.
ELSEWHERE = {"WriteGetObjectResponse", "CreateSession", "ListDirectoryBuckets"}
if is_foreign():
    ELSEWHERE |= MISUNDERSTOOD_ELSEWHERE

S3_MODEL = boto3.Session().client("s3", region_name="us-east-1").meta.service_model
OPERATIONS = {
    name: S3_MODEL.operation_model(name) for name in S3_MODEL.operation_names if name not in ELSEWHERE
}


def takes_key(operation: OperationModel) -> bool:
    return operation.input_shape is not None and "Key" in operation.input_shape.members


OBJECT_OPERATIONS = sorted(name for name, operation in OPERATIONS.items() if takes_key(operation))
BUCKET_OPERATIONS = sorted(name for name, operation in OPERATIONS.items() if not takes_key(operation))


def client_of(credentials: SessionCredentials, **changes: str) -> "S3Client":
    keys = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
    }
    return boto3.client(
        "s3",
        endpoint_url=credentials.endpoint,
        region_name=credentials.region,
        config=Config(
            signature_version="s3v4",
            inject_host_prefix=False,
            retries={"total_max_attempts": 1},
            # boto3 would send CRC32 with parts of an upload that has another algorithm.
            request_checksum_calculation="when_required",
        ),
        **{**keys, **changes},
    )


def filled_in(shape: Shape, known: dict[str, object]) -> Any:
    """The least that boto3 takes for a shape: its required members, ``known`` where the name is."""
    if shape.type_name == "structure":
        names = {*shape.required_members, *(known.keys() & shape.members.keys())}
        if shape.is_tagged_union:
            names = {next(iter(shape.members))}
        return {name: known.get(name) or filled_in(shape.members[name], known) for name in names}
    if shape.type_name == "list":
        return [filled_in(shape.member, known)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "a" * shape.metadata.get("min", 1)
    return {"integer": 1, "long": 1, "boolean": True, "blob": b"x", "timestamp": 0, "map": {}}[
        shape.type_name
    ]


def not_denied(client: "S3Client", operation_names: Iterable[str], **known: object) -> dict[str, str]:
    """Tries each operation, and returns those that the store did not deny, with what it answered.

    Denied is 403, and not implemented too: a store that lacks an operation says so before it looks at
    anybody.
    """
    answers = {}
    for name in operation_names:
        operation = OPERATIONS[name]
        parameters = filled_in(operation.input_shape, known) if operation.input_shape else {}
        try:
            answers[name] = str(client._make_api_call(name, parameters))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status != 403 and error.response["Error"]["Code"] not in (
                "NotImplemented",
                "MethodNotAllowed",
            ):
                answers[name] = str(error)
    return answers


@pytest.fixture
def role(store: Store) -> Store:
    """The store, where it has a role to assume."""
    if not store.settings.s3_role:
        pytest.skip("S3PORTAL_TEST_ROLE is not set")
    return store


@pytest.fixture
def own(begin: Begin) -> Upload:
    """The upload that the credentials are for."""
    return begin(1000, dataset_id="rivers")


@pytest.fixture(params=["same dataset", "dataset of a similar name", "another dataset"])
def foreign(request: pytest.FixtureRequest, begin: Begin, role: Store) -> Iterator[Upload]:
    """An upload that they are not for: its one part is stored, and an object is under its key already."""
    dataset_id = {"same dataset": "rivers", "another dataset": "lakes"}.get(request.param, "rivers-2")
    upload = begin(1, dataset_id=dataset_id)
    store_part(role.client(), role, upload)
    role.client().put_object(Bucket=role.bucket, Key=upload.key, Body=b"before")
    yield upload
    # Whatever was tried, all is as it was, and its owner can complete it.
    assert role.client().get_object(Bucket=role.bucket, Key=upload.key)["Body"].read() == b"before"
    assert list(list_parts(role, upload).part_numbers) == [1]
    assert complete_upload(role, upload).state == State.COMPLETED
    assert role.client().get_object(Bucket=role.bucket, Key=upload.key)["Body"].read() == b"1"


def store_part(client: "S3Client", store: Store, upload: Upload) -> None:
    client.upload_part(
        Bucket=store.bucket,
        Key=upload.key,
        UploadId=upload.s3_upload_id,
        PartNumber=1,
        Body=b"1" * upload.size_bytes,
    )


def of_upload(store: Store, upload: Upload) -> dict[str, object]:
    """The parameters of an operation on this upload; what would be copied is there to be copied."""
    source = f"{upload.key}.source"
    store.client().put_object(Bucket=store.bucket, Key=source, Body=b"secret")
    return {
        "Bucket": store.bucket,
        "Key": upload.key,
        "UploadId": upload.s3_upload_id,
        "CopySource": {"Bucket": store.bucket, "Key": source},
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]},
        "Body": b"forged",
    }


def test_credentials_for_a_key_do_the_whole_upload(role: Store, own: Upload) -> None:
    client = client_of(assume_upload_role(role, "anna", "data.example.org", key=own.key))

    begun = client.create_multipart_upload(Bucket=role.bucket, Key=own.key)
    client.abort_multipart_upload(Bucket=role.bucket, Key=own.key, UploadId=begun["UploadId"])
    store_part(client, role, own)
    listed = client.list_parts(Bucket=role.bucket, Key=own.key, UploadId=own.s3_upload_id)

    assert [part["PartNumber"] for part in listed["Parts"]] == [1]
    assert complete_upload(role, own).state == State.COMPLETED


def test_credentials_for_a_dataset_upload_any_of_its_files(role: Store, begin: Begin) -> None:
    prefix = dataset_prefix(role.settings.s3_prefix, "the-lab", "rivers")
    client = client_of(assume_upload_role(role, "anna", "data.example.org", prefix=prefix))

    for filename in ("rivers.csv", "Flüsse (2026) *.csv"):
        upload = begin(1000, filename, dataset_id="rivers")
        store_part(client, role, upload)
        assert complete_upload(role, upload).state == State.COMPLETED


def test_on_another_key_every_operation_is_denied(role: Store, own: Upload, foreign: Upload) -> None:
    client = client_of(assume_upload_role(role, "anna", "data.example.org", key=own.key))

    assert not_denied(client, OBJECT_OPERATIONS, **of_upload(role, foreign)) == {}


@pytest.mark.parametrize("foreign", ["dataset of a similar name", "another dataset"], indirect=True)
def test_on_another_dataset_every_operation_is_denied(role: Store, foreign: Upload) -> None:
    prefix = dataset_prefix(role.settings.s3_prefix, "the-lab", "rivers")
    client = client_of(assume_upload_role(role, "anna", "data.example.org", prefix=prefix))

    assert not_denied(client, OBJECT_OPERATIONS, **of_upload(role, foreign)) == {}


@pytest.mark.parametrize("scope", ["key", "prefix"])
def test_on_the_bucket_every_operation_is_denied(scope: str, role: Store, own: Upload) -> None:
    scopes = {"key": own.key, "prefix": dataset_prefix(role.settings.s3_prefix, "the-lab", "rivers")}
    client = client_of(assume_upload_role(role, "anna", "data.example.org", **{scope: scopes[scope]}))

    # DeleteObjects is answered key by key, with 200 for the whole.
    operations = [operation for operation in BUCKET_OPERATIONS if operation != "DeleteObjects"]
    assert not_denied(client, operations, Bucket=role.bucket) == {}
    try:
        answer = client.delete_objects(Bucket=role.bucket, Delete={"Objects": [{"Key": own.key}]})
    except ClientError as error:
        # Ceph RGW refuses the whole.
        assert error.response["Error"]["Code"] == "AccessDenied"
    else:
        assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]


def test_on_the_own_key_only_the_multipart_calls_are_allowed(role: Store, own: Upload) -> None:
    role.client().put_object(Bucket=role.bucket, Key=own.key, Body=b"before")
    client = client_of(assume_upload_role(role, "anna", "data.example.org", key=own.key))

    operations = [operation for operation in OBJECT_OPERATIONS if operation not in MULTIPART]
    assert not_denied(client, operations, **of_upload(role, own)) == {}


def test_no_other_file_is_copied_into_the_own_key(role: Store, own: Upload, foreign: Upload) -> None:
    client = client_of(assume_upload_role(role, "anna", "data.example.org", key=own.key))
    stolen = {**of_upload(role, own), "CopySource": {"Bucket": role.bucket, "Key": foreign.key}}

    assert not_denied(client, ["CopyObject", "UploadPartCopy"], **stolen) == {}


@pytest.mark.parametrize("scope", [{"key": "tests/*.csv"}, {"key": "tests/?.csv"}, {"prefix": "tests/*/"}])
def test_a_wildcard_in_a_key_opens_no_other_key(scope: dict[str, str], role: Store) -> None:
    client = client_of(assume_upload_role(role, "anna", "data.example.org", **scope))

    for neighbour in ("tests/a.csv", "tests/b/a.csv"):
        assert not_denied(client, ["PutObject"], Bucket=role.bucket, Key=neighbour, Body=b"x") == {}


@pytest.mark.parametrize("changed", ["aws_session_token", "aws_secret_access_key", "aws_access_key_id"])
def test_credentials_that_were_altered_are_none(changed: str, role: Store, own: Upload) -> None:
    if changed == "aws_session_token":
        require_mac_in_tokens()
    credentials = assume_upload_role(role, "anna", "data.example.org", key=own.key)
    original = str(getattr(credentials, changed.removeprefix("aws_")))
    # In the middle: the last letter of base64 may hold no bits.
    middle = len(original) // 2
    altered = original[:middle] + ("A" if original[middle] != "A" else "B") + original[middle + 1 :]
    client = client_of(credentials, **{changed: altered})

    # S3 answers a token that it cannot read with 400 InvalidToken.
    with pytest.raises(
        ClientError, match=r"InvalidToken|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied"
    ):
        client.list_parts(Bucket=role.bucket, Key=own.key, UploadId=own.s3_upload_id)


def test_without_the_session_token_the_keys_are_nothing(role: Store, own: Upload) -> None:
    credentials = assume_upload_role(role, "anna", "data.example.org", key=own.key)
    client = boto3.client(
        "s3",
        endpoint_url=credentials.endpoint,
        region_name=credentials.region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )

    with pytest.raises(ClientError, match=r"InvalidToken|InvalidAccessKeyId|AccessDenied"):
        client.list_parts(Bucket=role.bucket, Key=own.key, UploadId=own.s3_upload_id)
