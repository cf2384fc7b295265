"""Encryption where a server has several processes, and in forms."""

from __future__ import annotations

import sys

import pytest
from s3_callers import BUCKET, client_of
from test_posting import form_for, parts_of, post
from two_workers import Workers, at_once

CONTENT = b"0123456789abcdef" * 20_000
BY_KEY = {"ServerSideEncryption": "aws:kms"}


@pytest.fixture
def workers(tmp_path):
    workers = Workers(tmp_path)
    yield workers
    if workers.process.poll() is None:
        workers.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_one_worker_does_with_a_key_the_other_knows_at_once(workers):
    first, second = workers.pids()
    with workers.only(first):
        s3, kms = client_of(workers, "admin"), client_of(workers, "admin", "kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        s3.put_object(Bucket=BUCKET, Key="a", Body=CONTENT, SSEKMSKeyId=key, **BY_KEY)
    with workers.only(second):
        s3, kms = client_of(workers, "admin"), client_of(workers, "admin", "kms")
        assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == CONTENT
        kms.disable_key(KeyId=key)
    with workers.only(first):
        s3 = client_of(workers, "admin")
        with pytest.raises(s3.exceptions.ClientError, match=r"KMS\.DisabledException"):
            s3.get_object(Bucket=BUCKET, Key="a")


def test_many_at_once_make_one_master_key_and_one_key_of_the_account(workers):
    clients = [client_of(workers, "admin") for _ in range(8)]
    answers = at_once(
        8, lambda number: clients[number].put_object(Bucket=BUCKET, Key=f"{number}", Body=CONTENT, **BY_KEY)
    )
    assert len({answer["SSEKMSKeyId"] for answer in answers}) == 1
    for number in range(8):
        assert clients[0].get_object(Bucket=BUCKET, Key=f"{number}")["Body"].read() == CONTENT


@pytest.mark.parametrize("size", [100, 300_000])
def test_a_posted_file_is_encrypted_as_the_form_says(s3_server, s3, tmp_path, size):
    fields = form_for(
        s3,
        "a",
        [{"x-amz-server-side-encryption": "AES256"}],
        **{"x-amz-server-side-encryption": "AES256"},
    )
    content = CONTENT[:size]
    status, headers, _ = post(s3_server, parts_of(fields, content))
    assert (status, headers["x-amz-server-side-encryption"]) == (204, "AES256")
    got = s3.get_object(Bucket=BUCKET, Key="a")
    assert (got["ServerSideEncryption"], got["Body"].read()) == ("AES256", content)
    files = [path.read_bytes() for path in (tmp_path / "s3").rglob("*") if path.is_file()]
    assert not any(CONTENT[:90] in stored for stored in files)
