"""What keys are for: Encrypt, Decrypt, data keys, ReEncrypt, GenerateRandom.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html and its neighbours
"""

from __future__ import annotations

import secrets

from s3portal.server.api.kms.calls import Document, KeyCall, base64_of
from s3portal.server.api.kms.key_operations import SYMMETRIC
from s3portal.server.kms.key_errors import invalid
from s3portal.server.kms.key_records import Key
from s3portal.server.wire.errors import S3Error

PLAINTEXT_LIMIT_BYTES = 4096
CIPHERTEXT_LIMIT_BYTES = 6144
RANDOM_LIMIT_BYTES = 1024
_KEY_SPECS = {"AES_256": 32, "AES_128": 16}


def encrypt(asked: KeyCall) -> Document:
    plain = asked.parameters.blob("Plaintext", limit_bytes=PLAINTEXT_LIMIT_BYTES)
    _check_algorithm(asked, "EncryptionAlgorithm")
    context = asked.parameters.new_context()
    key = asked.named_key("Encrypt", context=context)
    return {
        "CiphertextBlob": base64_of(asked.keys.encrypt(key, plain, context)),
        "EncryptionAlgorithm": SYMMETRIC,
        "KeyId": key.arn,
    }


def decrypt(asked: KeyCall) -> Document:
    ciphertext = asked.parameters.blob("CiphertextBlob", limit_bytes=CIPHERTEXT_LIMIT_BYTES)
    _check_algorithm(asked, "EncryptionAlgorithm")
    context = asked.parameters.context()
    key = _key_of_ciphertext(asked, ciphertext, "KeyId")
    asked.require("Decrypt", key, context)
    plain = asked.keys.decrypt(key, ciphertext, context)
    return {"EncryptionAlgorithm": SYMMETRIC, "KeyId": key.arn, "Plaintext": base64_of(plain)}


def _key_of_ciphertext(asked: KeyCall, ciphertext: bytes, name: str) -> Key:
    """Returns the key of a ciphertext. Raises IncorrectKeyException where another is named."""
    named = asked.parameters.optional_text(name)
    if named is None:
        return asked.keys.key_of(ciphertext)
    key = asked.keys.find(named, asked.account_id)
    if asked.keys.key_of(ciphertext).key_id != key.key_id:
        raise S3Error("IncorrectKeyException")
    return key


def generate_data_key(asked: KeyCall) -> Document:
    document, plain = _data_key(asked, "GenerateDataKey")
    return document | {"Plaintext": base64_of(plain)}


def generate_data_key_without_plaintext(asked: KeyCall) -> Document:
    return _data_key(asked, "GenerateDataKeyWithoutPlaintext")[0]


def _data_key(asked: KeyCall, action: str) -> tuple[Document, bytes]:
    spec = asked.parameters.optional_text("KeySpec")
    size = asked.parameters.number("NumberOfBytes", least=1, limit=RANDOM_LIMIT_BYTES)
    if (spec is None) == (size is None):
        raise invalid("Please specify either number of bytes or key spec.")
    if spec is not None:
        size = _KEY_SPECS[asked.parameters.choice("KeySpec", _KEY_SPECS, spec)]
    context = asked.parameters.new_context()
    key = asked.named_key(action, context=context)
    plain = secrets.token_bytes(size)
    sealed = asked.keys.encrypt(key, plain, context)
    return {"CiphertextBlob": base64_of(sealed), "KeyId": key.arn}, plain


def re_encrypt(asked: KeyCall) -> Document:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html"""
    ciphertext = asked.parameters.blob("CiphertextBlob", limit_bytes=CIPHERTEXT_LIMIT_BYTES)
    for name in ("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"):
        _check_algorithm(asked, name)
    old_context = asked.parameters.context("SourceEncryptionContext")
    new_context = asked.parameters.new_context("DestinationEncryptionContext")
    source = _key_of_ciphertext(asked, ciphertext, "SourceKeyId")
    asked.require("ReEncryptFrom", source, old_context, is_all=False)
    target = asked.named_key("ReEncryptTo", "DestinationKeyId", new_context)
    plain = asked.keys.decrypt(source, ciphertext, old_context)
    return {
        "CiphertextBlob": base64_of(asked.keys.encrypt(target, plain, new_context)),
        "DestinationEncryptionAlgorithm": SYMMETRIC,
        "KeyId": target.arn,
        "SourceEncryptionAlgorithm": SYMMETRIC,
        "SourceKeyId": source.arn,
    }


def generate_random(asked: KeyCall) -> Document:
    size = asked.parameters.number("NumberOfBytes", least=1, limit=RANDOM_LIMIT_BYTES)
    if size is None:
        raise invalid("Please specify the number of bytes.")
    asked.require_without_key("GenerateRandom")
    return {"Plaintext": base64_of(secrets.token_bytes(size))}


def _check_algorithm(asked: KeyCall, name: str) -> None:
    asked.parameters.choice(name, (SYMMETRIC,), SYMMETRIC)
