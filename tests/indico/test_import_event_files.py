"""``indico event import-files`` with the handler of this plugin: files of another Indico are copied from
its buckets.
"""

import os

import pytest
from werkzeug.datastructures import ImmutableDict

MIB = 1024 * 1024


@pytest.fixture
def target(app, context, s3, bucket, monkeypatch):
    """The backend ``here`` of this Indico, in an empty bucket."""
    from indico.core.storage.backend import get_storage

    indico = {**app.config["INDICO"]}
    indico["STORAGE_BACKENDS"] = {"here": f"s3:{s3.options(bucket=bucket)}", "local": "fs:/tmp"}
    monkeypatch.setitem(app.config, "INDICO", ImmutableDict(indico))
    return get_storage("here")


@pytest.fixture
def source(s3):
    """Makes a backend of the other Indico, with files of these names and contents."""
    import uuid

    from indico_plugin.storage import S3Storage

    def make(files, **options):
        bucket = f"there-{uuid.uuid4().hex[:12]}"
        s3.client.create_bucket(Bucket=bucket)
        storage = S3Storage(s3.options(bucket=bucket, **options))
        for name, content in files.items():
            storage.save(name, "application/x-test", name, content)
        return storage

    return make


@pytest.fixture
def copy():
    from indico_plugin.import_event_files import copy_files

    return copy_files


def pairs(files):
    return [(("there", name), ("here", f"event/7/{name}")) for name in files]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one store", "two stores"])
def test_files_are_copied_with_what_is_said_of_them(target, source, copy, s3, elsewhere):
    files = {"small.bin": b"small", "large.bin": os.urandom(18 * MIB)}
    # The same server by another name is another store.
    host = {"host": s3.endpoint.replace("127.0.0.1", "localhost")} if elsewhere else {}
    there = source(files, **host)
    copy(pairs(files), {"there": there})
    for name, content in files.items():
        assert target.open(f"event/7/{name}").read() == content
        original = s3.client.head_object(Bucket=there.bucket_name, Key=name)
        copied = s3.client.head_object(Bucket=target.bucket_name, Key=f"event/7/{name}")
        for fact in ("ContentType", "Metadata", "ContentLength"):
            assert copied[fact] == original[fact]


def test_a_second_run_copies_the_rest(target, source, copy, s3, capsys):
    files = {"a.bin": b"a", "b.bin": b"b"}
    there = source(files)
    copy(pairs(["a.bin"]), {"there": there})
    before = s3.client.head_object(Bucket=target.bucket_name, Key="event/7/a.bin")["LastModified"]
    copy(pairs(files), {"there": there})
    assert s3.client.head_object(Bucket=target.bucket_name, Key="event/7/a.bin")["LastModified"] == before
    assert target.open("event/7/b.bin").read() == b"b"
    assert "All 2 files have been copied" in capsys.readouterr().out


def test_what_cannot_be_copied_is_named_and_does_not_stop_the_rest(target, source, copy, capsys):
    there = source({"a.bin": b"a", "b.bin": b"b"})
    target.save("event/7/a.bin", "text/plain", "a", b"something else")
    with pytest.raises(SystemExit, match="2 of 3 files were not copied"):
        copy(pairs(["a.bin", "b.bin", "missing.bin"]), {"there": there})
    said = capsys.readouterr().err
    assert "a.bin: not copied: there is a different file under event/7/a.bin" in said
    assert "missing.bin: not copied: " in said
    assert target.open("event/7/a.bin").read() == b"something else"
    assert target.open("event/7/b.bin").read() == b"b"


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (
            (("there", "a"), ("local", "a")),
            "local of this Indico is not an S3 backend that can be written to",
        ),
        ((("files", "a"), ("here", "a")), "files of the other Indico is not on S3"),
    ],
)
def test_what_is_not_on_s3_is_said_before_anything_is_copied(target, source, copy, pair, sentence):
    from indico.core.storage.backend import FileSystemStorage

    with pytest.raises(SystemExit, match=sentence):
        copy([pair], {"there": source({"a": b"a"}), "files": FileSystemStorage("/tmp")})
