"""What the tests of quotas ask and look up."""

from __future__ import annotations

from s3_callers import BUCKET, send, signed_headers

from s3portal.server.storage import usage

PORTAL = "arn:aws:iam::000000000000:user/portal"


def used(server):
    found = usage.of_bucket(server._server.storage, BUCKET)
    return found.object_bytes + found.version_bytes


def ask(server, method, path, body=b"", user="admin"):
    headers = signed_headers(server, method, server.endpoint + path, {}, body, user)
    status, _, answer = send(server, method, path, headers, body)
    return status, answer


def upload(s3, key, *parts):
    target = {"Bucket": BUCKET, "Key": key}
    upload_id = s3.create_multipart_upload(**target)["UploadId"]
    listed = [
        {"PartNumber": n, "ETag": s3.upload_part(**target, UploadId=upload_id, PartNumber=n, Body=p)["ETag"]}
        for n, p in enumerate(parts, 1)
    ]
    return {**target, "UploadId": upload_id, "MultipartUpload": {"Parts": listed}}
