"""Session credentials that send parts and create no object, and finding out whether the store enforces
that."""

import logging
from collections.abc import Callable

import pytest
from foreign_store import is_foreign
from scripted_store import ScriptedStore
from test_session_denials import client_of, not_denied, store_part

from s3portal.server.testing import RunningServer
from s3portal.transfer import State, Store, Upload, assume_upload_role, complete_upload, session_credentials
from s3portal.transfer.checksum_trial import checksum_algorithm
from s3portal.transfer.parts_only import keeps_to_parts
from s3portal.transfer.session_policy import upload_policy
from s3portal.transfer.store_failures import StoreUnavailable

Begin = Callable[..., Upload]

SITE = "data.example.org"


@pytest.fixture
def role(store: Store) -> Store:
    """The bundled server, which enforces the condition."""
    if is_foreign():
        pytest.skip("needs a store that enforces s3:ObjectCreationOperation, and a bucket of its own")
    return store


@pytest.fixture
def not_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store looks at no condition."""
    monkeypatch.setattr(
        session_credentials,
        "upload_policy",
        lambda bucket, key, partition, *, parts_only: upload_policy(bucket, key, partition),
    )


def keys(store: Store) -> list[str]:
    return [found["Key"] for found in store.client().list_objects_v2(Bucket=store.bucket).get("Contents", [])]


def unfinished(store: Store) -> list[str]:
    listed = store.client().list_multipart_uploads(Bucket=store.bucket)
    return [upload["Key"] for upload in listed.get("Uploads", [])]


def test_they_send_parts_and_create_no_object(role: Store, begin: Begin) -> None:
    own = begin(1000)
    client = client_of(assume_upload_role(role, "anna", SITE, key=own.key, parts_only=True))

    store_part(client, role, own)

    creating = {
        "Bucket": role.bucket,
        "Key": own.key,
        "UploadId": own.s3_upload_id,
        "Body": b"forged",
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]},
        "CopySource": {"Bucket": role.bucket, "Key": own.key},
    }
    assert not_denied(client, ["PutObject", "CompleteMultipartUpload", "CopyObject"], **creating) == {}
    assert keys(role) == []
    assert client.list_parts(Bucket=role.bucket, Key=own.key, UploadId=own.s3_upload_id)["Parts"]
    assert complete_upload(role, own).state == State.COMPLETED


def test_our_server_enforces_it(role: Store) -> None:
    assert keeps_to_parts(role, SITE) is True


def test_finding_out_leaves_nothing(role: Store) -> None:
    keeps_to_parts(role, SITE)

    assert keys(role) == []
    assert unfinished(role) == []


@pytest.mark.usefixtures("not_enforced")
class TestAStoreThatLooksAtNoCondition:
    def test_is_found_out(self, role: Store, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            assert keeps_to_parts(role, SITE) is False

        assert "does not enforce s3:ObjectCreationOperation" in caplog.text

    def test_keeps_no_object_of_the_probe(self, role: Store) -> None:
        keeps_to_parts(role, SITE)

        assert keys(role) == []
        assert unfinished(role) == []


def test_the_answer_is_remembered(role: Store, s3_server: RunningServer) -> None:
    keeps_to_parts(role, SITE)
    asked = len(s3_server.requests)

    assert keeps_to_parts(role, SITE) is True

    assert len(s3_server.requests) == asked


@pytest.mark.parametrize("operation", ["UploadPart", "PutObject", "CompleteMultipartUpload"])
def test_a_store_that_fails_is_not_taken_for_one_that_enforces_it(
    role: Store, s3_server: RunningServer, operation: str
) -> None:
    s3_server.faults.add(operation, status=500)

    assert keeps_to_parts(role, SITE) is False
    assert unfinished(role) == []


def test_a_role_that_may_send_no_part_says_nothing(role: Store, s3_server: RunningServer) -> None:
    """The administrator mends the role, and then it is asked again."""
    s3_server.faults.add("UploadPart", status=403)

    assert keeps_to_parts(role, SITE) is False
    assert role.recall(f"session credentials for {role.settings.s3_role} create no object") is None


def test_a_store_that_refuses_the_condition_alone_is_one_that_does_not_know_it(
    role: Store, s3_server: RunningServer
) -> None:
    # Which sends parts of its own, the first time.
    checksum_algorithm(role)
    s3_server.faults.add("UploadPart", status=403, first=1)

    assert keeps_to_parts(role, SITE) is False
    assert keys(role) == []


def test_a_store_that_is_away_is_a_failure(scripted: ScriptedStore, scripted_store: Store) -> None:
    scripted.hang_up()

    with pytest.raises(StoreUnavailable):
        keeps_to_parts(scripted_store, SITE)
