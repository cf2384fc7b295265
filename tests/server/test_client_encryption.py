"""Encryption on the client's side, through a server and back."""

from __future__ import annotations

import pytest

from s3portal.server.kms.client_encryption import CannotDecrypt, ClientEncryptionHelper

BUCKET = "test-bucket"


def test_what_is_encrypted_before_the_upload_is_opened_after_the_download(s3):
    key = ClientEncryptionHelper.generate_key()
    content, metadata = ClientEncryptionHelper.encrypt_for_upload(b"sensitive data", key)
    s3.put_object(Bucket=BUCKET, Key="a", Body=content, Metadata=metadata)

    answer = s3.get_object(Bucket=BUCKET, Key="a")
    stored = answer["Body"].read()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]

    assert b"sensitive" not in stored
    assert {"x-amz-meta-x-amz-key", "x-amz-meta-x-amz-iv", "x-amz-meta-x-amz-matdesc"} <= set(headers)
    for known in (answer["Metadata"], headers, {name.title(): value for name, value in headers.items()}):
        assert ClientEncryptionHelper.decrypt_from_download(stored, known, key) == b"sensitive data"


def test_keys_are_written_down_as_text():
    key = ClientEncryptionHelper.generate_key()
    text = ClientEncryptionHelper.key_to_base64(key)
    assert ClientEncryptionHelper.key_from_base64(text) == key
    assert ClientEncryptionHelper.generate_key() != key
    for wrong in ("", "c2hvcnQ=", "no base64!"):
        with pytest.raises(ValueError, match="32 bytes"):
            ClientEncryptionHelper.key_from_base64(wrong)
    with pytest.raises(ValueError, match="32 bytes"):
        ClientEncryptionHelper.encrypt_for_upload(b"", b"short")


def test_another_key_and_every_change_are_found():
    key = ClientEncryptionHelper.generate_key()
    content, metadata = ClientEncryptionHelper.encrypt_for_upload(b"sensitive data", key)
    other, other_metadata = ClientEncryptionHelper.encrypt_for_upload(b"sensitive data", key)
    decrypt = ClientEncryptionHelper.decrypt_from_download
    assert content != other
    for wrong in (
        (content, metadata, ClientEncryptionHelper.generate_key()),
        (content[:-1] + bytes([content[-1] ^ 1]), metadata, key),
        (content[:-1], metadata, key),
        (b"", metadata, key),
        (other, metadata, key),
        *((content, metadata | {name: other_metadata[name]}, key) for name in ("x-amz-key", "x-amz-iv")),
        (content, metadata | {"x-amz-matdesc": "{}"}, key),
        (content, metadata | {"x-amz-key": "?"}, key),
        (content, {}, key),
    ):
        with pytest.raises(CannotDecrypt):
            decrypt(*wrong)
