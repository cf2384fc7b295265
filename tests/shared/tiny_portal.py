"""A portal of somebody's own: the upload protocol for one bucket, in a few lines of boto3 and http.server."""

from __future__ import annotations

import json
import mimetypes
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PART_SIZE_BYTES = 5 * 1024 * 1024
_URLS_LAST_S = 3600

Answer = dict[str, Any]


class TinyPortal:
    """The calls of the protocol. ``s3`` is a boto3 client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._uploads: dict[str, Answer] = {}
        self._s3_upload_ids: dict[str, str] = {}

    def create(self, asked: Answer) -> Answer:
        upload_id, size = str(uuid.uuid4()), asked["size"]
        created = self._s3.create_multipart_upload(
            Bucket=self._bucket, Key=upload_id, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )
        self._s3_upload_ids[upload_id] = created["UploadId"]
        upload = self._uploads[upload_id] = {
            "id": upload_id,
            "state": "uploading",
            **{name: asked[name] for name in ("filename", "size", "content_type", "fingerprint")},
            "part_size": PART_SIZE_BYTES,
            "part_count": max(1, -(-size // PART_SIZE_BYTES)),
            "checksum_algorithm": "CRC64NVME",
            "created_at": datetime.now(timezone.utc).isoformat(),
        }
        return {"upload": upload, "parts": self._signed(upload_id, [1])}

    def sign_parts(self, asked: Answer) -> list[Answer]:
        return self._signed(asked["id"], asked["part_numbers"])

    def show(self, asked: Answer) -> Answer:
        parts = self._parts(asked["id"])
        return {
            **self._uploads[asked["id"]],
            "stored": ",".join(str(part["PartNumber"]) for part in parts),
            "stored_bytes": sum(part["Size"] for part in parts),
        }

    def list(self, _: Answer) -> list[Answer]:
        return list(self._uploads.values())

    def complete(self, asked: Answer) -> Answer:
        upload_id = asked["id"]
        parts = [
            {name: part[name] for name in ("PartNumber", "ETag", "ChecksumCRC64NVME")}
            for part in self._parts(upload_id)
        ]
        completed = self._s3.complete_multipart_upload(
            **self._of(upload_id), MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT",
            ChecksumCRC64NVME=asked["checksum"]["value"],
        )  # fmt: skip
        checksum = {"algorithm": "CRC64NVME", "value": completed["ChecksumCRC64NVME"]}
        self._uploads[upload_id].update(state="completed", checksum=checksum)
        return self._uploads[upload_id]

    def abort(self, asked: Answer) -> Answer:
        self._s3.abort_multipart_upload(**self._of(asked["id"]))
        return {**self._uploads.pop(asked["id"]), "state": "aborted"}

    def _of(self, upload_id: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": upload_id, "UploadId": self._s3_upload_ids[upload_id]}

    def _parts(self, upload_id: str) -> list[Any]:
        pages = self._s3.get_paginator("list_parts").paginate(**self._of(upload_id))
        return [part for page in pages for part in page.get("Parts", [])]

    def _signed(self, upload_id: str, part_numbers: list[int]) -> list[Answer]:
        expires_at = (datetime.now(timezone.utc) + timedelta(seconds=_URLS_LAST_S)).isoformat()
        return [
            {
                "part_number": number,
                "url": self._s3.generate_presigned_url(
                    "upload_part",
                    Params={**self._of(upload_id), "PartNumber": number},
                    ExpiresIn=_URLS_LAST_S,
                ),
                "headers": {},
                "expires_at": expires_at,
            }
            for number in part_numbers
        ]


@contextmanager
def served(portal: TinyPortal, page: str, folders: dict[str, Path]) -> Iterator[str]:
    """Serves the page, the files of ``folders`` under their names, and the calls below ``/uploads/``; yields
    the address."""
    calls: dict[str, Callable[[Answer], object]] = {
        f"/uploads/{name}": getattr(portal, name.replace("-", "_"))
        for name in ("create", "sign-parts", "show", "list", "complete", "abort")
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, name, *rest = self.path.split("/")
            file = folders[name].joinpath(*rest) if name in folders else None
            if file is None:
                self._answer(page.encode(), "text/html; charset=utf-8")
            elif file.is_file():
                self._answer(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "")
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(json.dumps(calls[self.path](asked)).encode(), "application/json")

        def _answer(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
