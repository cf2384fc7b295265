"""Run on a small file system of its own: fills it through a server, and empties it again."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from failing_steps import outcome
from s3_callers import BUCKET, client_of

from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer


def fill_and_empty(root, size_bytes):
    """Fills the disk below ``root`` until the server refuses, then deletes everything through it."""
    with RunningServer(root / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        s3.create_bucket(Bucket="empty-bucket")
        target = {"Bucket": BUCKET, "Key": "parts"}
        target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
        s3.upload_part(**target, PartNumber=1, Body=b"x" * size_bytes)
        count = 0
        while True:
            status = outcome(s3.put_object, Bucket=BUCKET, Key=f"{count}", Body=b"x" * size_bytes)
            if status != 200:
                break
            count += 1
        assert (status, count > 10) == (507, True), (status, count)
        # Somebody else takes what is left.
        with (root / "other").open("wb", buffering=0) as other:
            try:
                while True:
                    other.write(b"x" * 4096)
            except OSError as full:
                assert full.errno == errno.ENOSPC
        assert outcome(s3.abort_multipart_upload, **target) == 204
        assert outcome(s3.delete_bucket, Bucket="empty-bucket") == 204
        several = {"Objects": [{"Key": f"{number}"} for number in range(0, count, 2)]}
        assert outcome(s3.delete_objects, Bucket=BUCKET, Delete=several) == 200
        for number in range(1, count, 2):
            assert outcome(s3.delete_object, Bucket=BUCKET, Key=f"{number}") == 204
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
        (root / "other").unlink()
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * size_bytes)


if __name__ == "__main__":
    fill_and_empty(Path(sys.argv[1]), int(sys.argv[2]))
