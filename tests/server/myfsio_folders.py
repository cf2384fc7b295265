"""MyFSIO's data folders, built as the fact sheet describes them: of release 0.2.1, and of one before it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK_BYTES = 1000
KEY_ID = "1f0e2f6c-7a51-4f4e-9d8a-0a52f4f1c9aa"


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def seal(key, plain, associated=None):
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def xored(base, index):
    return base[:8] + (int.from_bytes(base[8:], "big") ^ index).to_bytes(4, "big")


def derived(base, index):
    hkdf = HKDF(hashes.SHA256(), 12, salt=base, info=index.to_bytes(4, "big"))
    return hkdf.derive(b"chunk_nonce")


class Folder:
    """``is_old`` is the layout before .myfsio.sys had rooms for metadata and versions."""

    def __init__(self, root: Path, *, is_old: bool = False) -> None:
        self.root, self.is_old = root, is_old
        self.system = root / ".myfsio.sys"
        self.config = self.system if is_old else self.system / "config"
        self.nonce_of = xored if is_old else derived
        self.config.mkdir(parents=True)
        self.keys = self.system / "keys"
        self.keys.mkdir()
        self.master_key, self.kms_key = secrets.token_bytes(32), secrets.token_bytes(32)
        (self.keys / "master.key").write_text(base64.b64encode(self.master_key).decode())

    def write_json(self, path: Path, document) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    def add_kms_key(self, *, is_enabled=True) -> None:
        material = base64.b64encode(seal(self.master_key, self.kms_key)).decode()
        key = {
            "KeyId": KEY_ID,
            "Description": "ours",
            "Enabled": is_enabled,
            "EncryptedKeyMaterial": material,
        }
        self.write_json(self.keys / "kms_keys.json", {"keys": [key]})

    def users(self, *users) -> None:
        self.write_json(self.config / "iam.json", {"users": users})

    def bucket(self, name, **settings) -> None:
        (self.root / name).mkdir()
        place = self.root / name / ".meta" if self.is_old else self.system / "buckets" / name
        self.write_json(place / ".bucket.json", settings)

    def put(self, bucket, key, content, metadata=None, tags=None, at=1_700_000_000) -> Path:
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at, at))
        place = self.root / bucket / ".meta" if self.is_old else self.system / "buckets" / bucket / "meta"
        noted = {"__etag__": md5(content), "__size__": str(len(content)), **(metadata or {})}
        document = {"metadata": noted} | ({"tags": tags} if tags else {})
        self.write_json(place / f"{key}.meta.json", document)
        return path

    def put_version(self, bucket, key, content, version_id, at, metadata=None) -> Path:
        place = (
            self.root / bucket / ".versions" if self.is_old else self.system / "buckets" / bucket / "versions"
        )
        path = place / key / f"{version_id}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at, at))
        noted = {
            "version_id": version_id,
            "key": key,
            "size": len(content),
            "archived_at": "2025-11-20T10:11:12.123456Z",
            "reason": "overwrite",
            "metadata": metadata or {},
            "etag": md5(content),
        }
        self.write_json(path.with_suffix(".json"), noted)
        return path

    def encrypted(self, content):
        """Returns the stream and the metadata of SSE-S3."""
        data_key, base = secrets.token_bytes(32), secrets.token_bytes(12)
        chunks = [content[i : i + CHUNK_BYTES] for i in range(0, len(content), CHUNK_BYTES)]
        stream = len(chunks).to_bytes(4, "big")
        for index, chunk in enumerate(chunks):
            sealed = AESGCM(data_key).encrypt(self.nonce_of(base, index), chunk, None)
            stream += len(sealed).to_bytes(4, "big") + sealed
        return stream, self._metadata("AES256", "local", base, seal(self.master_key, data_key))

    def encrypted_by_key(self, bucket, key, content):
        """Returns the ciphertext and the metadata of SSE-KMS."""
        data_key, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
        context = json.dumps({"bucket": bucket, "key": key}, sort_keys=True).encode()
        name = KEY_ID.encode()
        wrapped = len(name).to_bytes(2, "big") + name + seal(self.kms_key, data_key)
        sealed = AESGCM(data_key).encrypt(nonce, content, context)
        return sealed, self._metadata("aws:kms", KEY_ID, nonce, wrapped)

    def _metadata(self, algorithm, key_id, nonce, wrapped):
        return {
            "x-amz-server-side-encryption": algorithm,
            "x-amz-encryption-key-id": key_id,
            "x-amz-encryption-nonce": base64.b64encode(nonce).decode(),
            "x-amz-encrypted-data-key": base64.b64encode(wrapped).decode(),
        }
