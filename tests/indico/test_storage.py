"""Saving, reading and deleting files through the backends, against a server that checks every signature."""

import base64
import hashlib
import io
import os
import threading
from pathlib import Path

import pytest
from foreign import CONDITIONAL_COMPLETION, PARTS_COUNT
from indico.core.storage import StorageError
from indico.core.storage.backend import StorageReadOnlyError

from indico_plugin.object_reader import SMALL_BYTES
from indico_plugin.readonly import ReadOnlyS3Storage
from indico_plugin.storage import S3Storage

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

MIB = 1024 * 1024


@pytest.fixture
def storage(context, s3, bucket):
    return S3Storage(s3.options(bucket=bucket, part_size="5 MiB"))


@pytest.mark.parametrize("size_bytes", [0, 1, 5 * MIB, 5 * MIB + 1, 17 * MIB + 7])
def test_a_saved_file_is_read_back_and_its_md5_is_on_the_object(storage, s3, bucket, size_bytes):
    content = os.urandom(size_bytes)
    file_id, md5 = storage.save("event/1/event/1-1-a.bin", "application/x-test", "a.bin", io.BytesIO(content))
    assert (file_id, md5) == ("event/1/event/1-1-a.bin", hashlib.md5(content).hexdigest())
    with storage.open(file_id) as stored:
        assert stored.read() == content
    assert storage.getsize(file_id) == size_bytes
    head = s3.client.head_object(Bucket=bucket, Key=file_id)
    assert head["ContentType"] == "application/x-test"
    assert base64.b64decode(head["Metadata"]["md5chksum"]).hex() == md5


@pytest.mark.needs(PARTS_COUNT)
def test_a_large_file_is_saved_in_parts_of_the_size_in_the_options(storage, s3, bucket):
    storage.save("large", "application/zip", "large.zip", io.BytesIO(bytes(11 * MIB)))
    first = s3.client.head_object(Bucket=bucket, Key="large", PartNumber=1)
    assert (first["ContentLength"], first["PartsCount"]) == (5 * MIB, 3)


MEMORY = """
import resource, sys
from pathlib import Path
from indico_plugin.storage import S3Storage
storage, path = S3Storage(sys.argv[1]), Path(sys.argv[2])
storage.save('warm', 'text/plain', 'a', bytes(20 * 1024 * 1024))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
with path.open('rb') as source:
    storage.save('huge', 'text/plain', 'a', source)
with storage.open('huge') as stored:
    while stored.read(1024 * 1024):
        pass
with storage.get_local_path('huge') as copy:
    assert Path(copy).stat().st_size == path.stat().st_size
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_file(make_site, s3, bucket, tmp_path):
    sparse = tmp_path / "huge"
    with sparse.open("wb") as file:
        file.truncate(256 * MIB)
    grown_mib = int(make_site().script(MEMORY, s3.options(bucket=bucket), str(sparse)).split()[-1])
    assert grown_mib < 64


def test_bytes_and_streams_that_can_be_read_only_once_are_saved_too(storage):
    class Pipe(io.RawIOBase):
        left = [b"one ", b"two"]

        def readable(self):
            return True

        def readinto(self, buffer):
            chunk = self.left.pop(0) if self.left else b""
            buffer[: len(chunk)] = chunk
            return len(chunk)

    assert storage.open(storage.save("a", "text/plain", "a", b"just bytes")[0]).read() == b"just bytes"
    assert storage.open(storage.save("b", "text/plain", "b", Pipe())[0]).read() == b"one two"


def test_an_existing_file_is_not_overwritten(storage):
    storage.save("a", "text/plain", "a", b"first")
    with pytest.raises(StorageError, match='Could not save "a": there is already a file under this key'):
        storage.save("a", "text/plain", "a", b"second")
    assert storage.open("a").read() == b"first"


@pytest.mark.needs(CONDITIONAL_COMPLETION)
def test_of_two_writers_at_once_one_wins_and_the_other_is_told(storage, monkeypatch):
    monkeypatch.setattr("indico_plugin.object_writer._refuse_existing", lambda store, key: None)
    start, results = threading.Barrier(2), []

    def save(content):
        start.wait()
        try:
            results.append(storage.save("a", "text/plain", "a", content * 6 * MIB)[1])
        except StorageError as error:
            results.append(error)

    threads = [threading.Thread(target=save, args=[content]) for content in (b"x", b"y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    md5s = [result for result in results if isinstance(result, str)]
    assert len(md5s) == 1
    assert hashlib.md5(storage.open("a").read()).hexdigest() == md5s[0]


def test_a_failed_save_leaves_nothing_at_the_store(storage, s3, bucket):
    class Broken(io.BytesIO):
        passes = 0

        def read(self, size=-1):
            # The first pass works out the MD5; the disk breaks in the second.
            if self.tell() >= 6 * MIB and self.passes:
                raise OSError("disk on fire")
            chunk = super().read(size)
            self.passes += not chunk
            return chunk

    with pytest.raises(StorageError, match="disk on fire"):
        storage.save("a", "text/plain", "a", Broken(bytes(20 * MIB)))
    assert "Uploads" not in s3.client.list_multipart_uploads(Bucket=bucket)
    assert s3.keys(bucket) == []


def test_a_large_file_is_read_as_a_file_that_can_be_sought_in(storage, s3, bucket):
    content = os.urandom(SMALL_BYTES + 3 * MIB)
    storage.save("large", "application/zip", "large.zip", io.BytesIO(content))
    with storage.open("large") as stored:
        assert stored.seekable()
        assert stored.read(10) == content[:10]
        assert stored.seek(-5, io.SEEK_END) == len(content) - 5
        assert stored.read() == content[-5:]
        stored.seek(100)
        assert stored.read(1000) == content[100:1100]
        stored.seek(SMALL_BYTES, io.SEEK_CUR)
        assert stored.read(7) == content[1100 + SMALL_BYTES : 1107 + SMALL_BYTES]


def test_reading_resumes_where_a_connection_broke(storage, monkeypatch):
    content = os.urandom(SMALL_BYTES + 3 * MIB)
    storage.save("large", "application/zip", "large.zip", io.BytesIO(content))
    client = storage.store(storage.bucket_name).client()
    get_object, requests = client.get_object, []

    def cut(**arguments):
        answer = get_object(**arguments)
        requests.append(arguments.get("Range"))
        whole = answer["Body"]

        class Cut:
            left = 2 * MIB

            def read(self, size):
                if self.left <= 0:
                    raise ConnectionResetError("cut")
                chunk = whole.read(min(size, self.left))
                self.left -= len(chunk)
                return chunk

            def close(self):
                whole.close()

        return {**answer, "Body": Cut()}

    monkeypatch.setattr(client, "get_object", cut)
    assert storage.open("large").read() == content
    assert requests[:2] == [None, f"bytes={2 * MIB}-{len(content) - 1}"]


def test_a_local_path_lasts_as_long_as_it_is_needed(storage):
    storage.save("a", "text/plain", "a", b"content")
    with storage.get_local_path("a") as path:
        assert Path(path).read_bytes() == b"content"
    assert not Path(path).exists()


def test_a_deleted_file_is_gone_and_every_failure_names_the_file(storage):
    storage.save("a", "text/plain", "a", b"content")
    storage.delete("a")
    for failing, verb in ((storage.open, "open"), (storage.getsize, "get size of")):
        with pytest.raises(StorageError, match=f'Could not {verb} "a"'):
            failing("a")
    with pytest.raises(StorageError, match='Could not open "a"'), storage.get_local_path("a"):
        pass


def test_a_missing_static_bucket_is_not_made_up(context, s3):
    storage = S3Storage(s3.options(bucket="never-made"))
    with pytest.raises(StorageError, match="NoSuchBucket"):
        storage.save("a", "text/plain", "a", b"content")
    assert not storage.bucket_exists("never-made")


def test_a_dry_run_tells_the_file_id_and_stores_nothing(storage, s3, bucket):
    assert storage.save("a", "text/plain", "a", b"content", dry_run=True) == ("a", None)
    assert s3.keys(bucket) == []


def test_a_read_only_backend_reads_and_does_nothing_else(storage, s3, bucket):
    storage.save("a", "text/plain", "a", b"content")
    readonly = ReadOnlyS3Storage(s3.options(bucket=bucket))
    assert readonly.open("a").read() == b"content"
    for forbidden in (
        lambda: readonly.save("b", "text/plain", "b", b""),
        lambda: readonly.save("b", "text/plain", "b", b"", dry_run=True),
        lambda: readonly.delete("a"),
        lambda: readonly.make_bucket("c"),
    ):
        with pytest.raises(StorageReadOnlyError):
            forbidden()
    assert s3.keys(bucket) == ["a"]


def test_encryption_is_asked_for_where_the_options_say_so(context, moto):
    moto.client.create_bucket(Bucket="encrypted")
    storage = S3Storage(moto.options(bucket="encrypted", sse="AES256", part_size="5 MiB"))
    storage.save("small", "text/plain", "a", b"content")
    storage.save("large", "text/plain", "a", bytes(6 * MIB))
    for key in ("small", "large"):
        assert moto.client.head_object(Bucket="encrypted", Key=key)["ServerSideEncryption"] == "AES256"
