"""What a program with minio-py does: ``minio_work.py ENDPOINT FOLDER``."""

import os
import sys
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from minio import Minio
from minio.commonconfig import CopySource, Tags
from minio.deleteobjects import DeleteObject

endpoint, folder = sys.argv[1], Path(sys.argv[2])
client = Minio(
    endpoint=urlsplit(endpoint).netloc,
    access_key=os.environ["AWS_ACCESS_KEY_ID"],
    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    secure=False,
)
BUCKET = "minio-py"

client.make_bucket(bucket_name=BUCKET)
assert client.bucket_exists(bucket_name=BUCKET)
for file in folder.rglob("*"):
    if file.is_file():
        key = str(file.relative_to(folder))
        client.fput_object(
            bucket_name=BUCKET, object_name=key, file_path=str(file), part_size=5 * 1024 * 1024
        )
        answer = client.get_object(bucket_name=BUCKET, object_name=key)
        assert answer.read() == file.read_bytes(), key
        answer.release_conn()
listed = {entry.object_name for entry in client.list_objects(bucket_name=BUCKET, recursive=True)}
assert listed == {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}

# Of a stream whose length is not known.
client.put_object(
    bucket_name=BUCKET,
    object_name="stream",
    data=BytesIO(b"x" * 11_000_000),
    length=-1,
    part_size=5 * 1024 * 1024,
)
assert client.stat_object(bucket_name=BUCKET, object_name="stream").size == 11_000_000
client.copy_object(
    bucket_name=BUCKET, object_name="copy", source=CopySource(bucket_name=BUCKET, object_name="stream")
)

tags = Tags.new_object_tags()
tags["station"] = "north"
client.set_object_tags(bucket_name=BUCKET, object_name="copy", tags=tags)
assert dict(client.get_object_tags(bucket_name=BUCKET, object_name="copy") or {}) == {"station": "north"}

url = client.presigned_get_object(bucket_name=BUCKET, object_name="copy", expires=timedelta(minutes=5))
with urlopen(url, timeout=60) as answer:
    assert len(answer.read()) == 11_000_000

names = [DeleteObject(name) for name in (*listed, "stream", "copy")]
assert list(client.remove_objects(bucket_name=BUCKET, delete_object_list=names)) == []
client.remove_bucket(bucket_name=BUCKET)
print("all done")
