"""Files of indico-plugin-storage-s3 3.2.2 are read by this plugin, and the reverse; the same for its
settings.

``S3PORTAL_TEST_STOCK_PYTHON`` is the Python of an environment with Indico 3.2.9 and that plugin.
"""

import json
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BUCKET_SECRET = "somethingrandom"
TEMPLATE = "stock-<year>-<month>"

SAVE = """
import io, json, sys
from indico.core.storage.backend import get_storage
content = b'from ' + sys.argv[1].encode() + b' ' * 100000
saved = {}
for backend in ('s3', 's3-dyn'):
    saved[backend] = get_storage(backend).save(f'event/1/event/{sys.argv[1]}-1-a.txt', 'text/plain', 'a.txt',
    io.BytesIO(content))
print(json.dumps(saved))
"""
READ = """
import json, sys
from indico.core.storage.backend import get_storage
found = {}
for backend, (file_id, md5) in json.loads(sys.argv[1]).items():
    for kind in (backend, backend + '-ro'):
        found[kind] = [get_storage(kind).open(file_id).read().decode().strip(),
        get_storage(kind).getsize(file_id)]
print(json.dumps(found))
"""
SETTINGS = """
import json
from indico.core.plugins import plugin_engine
plugin = plugin_engine.get_plugin('storage_s3')
with plugin.plugin_context():
    print(json.dumps({name: plugin.settings.get(name) for name in ('bucket_info_enabled', 'username',
    'password')}))
"""


@pytest.fixture(scope="module")
def stock_python():
    python = os.environ.get("S3PORTAL_TEST_STOCK_PYTHON")
    if not python:
        pytest.skip("NOT RUN: S3PORTAL_TEST_STOCK_PYTHON names no environment with indico-plugin-storage-s3")
    return python


@pytest.fixture(scope="module")
def site(make_site, s3):
    bucket = "stock-shared"
    s3.client.create_bucket(Bucket=bucket)
    backends = {
        "s3": f"s3:{s3.options(bucket=bucket)}",
        "s3-ro": f"s3-readonly:{s3.options(bucket=bucket)}",
        "s3-dyn": f"s3-dynamic:{s3.options(bucket_template=TEMPLATE, bucket_secret=BUCKET_SECRET)}",
        "s3-dyn-ro": f"s3-dynamic-readonly:{s3.options(bucket_template=TEMPLATE)}",
    }
    return make_site(backends=backends)


@pytest.fixture
def with_plugin(site, stock_python):
    """The same site, with one plugin or the other."""
    ours = site.python

    def switch(name):
        return site.write(python=stock_python if name == "stock" else ours)

    yield switch
    site.write(python=ours)


def last_line(text):
    return json.loads(text.splitlines()[-1])


@pytest.mark.parametrize(("writer", "reader"), [("stock", "ours"), ("ours", "stock")])
def test_files_of_one_plugin_are_read_by_the_other(site, with_plugin, s3, writer, reader):
    # The other plugin cannot make the bucket of the month when a file comes.
    with_plugin(writer).indico("s3", "create-bucket", "--storage", "s3-dyn")
    saved = last_line(with_plugin(writer).script(SAVE, writer))
    found = last_line(with_plugin(reader).script(READ, json.dumps(saved)))
    content = f"from {writer}"
    assert found == {
        name: [content, len(content) + 100000] for name in ("s3", "s3-ro", "s3-dyn", "s3-dyn-ro")
    }


def test_both_give_the_same_ids_buckets_checksums_and_metadata(site, with_plugin, s3):
    saved = {name: last_line(with_plugin(name).script(SAVE, f"{name}-same")) for name in ("stock", "ours")}
    same = {name: json.loads(json.dumps(files).replace(f"{name}-same", "X")) for name, files in saved.items()}
    for backend in ("s3", "s3-dyn"):
        assert same["stock"][backend][0] == same["ours"][backend][0]
    heads = []
    for name in ("stock", "ours"):
        head = s3.client.head_object(Bucket="stock-shared", Key=saved[name]["s3"][0])
        heads.append((head["ContentType"], set(head["Metadata"])))
    assert heads[0] == heads[1] == ("text/plain", {"md5chksum"})


def test_settings_of_the_one_are_those_of_the_other(site, with_plugin):
    with_plugin("stock").script(
        "from indico.core.db import db\nfrom indico.core.plugins import plugin_engine\n"
        "plugin = plugin_engine.get_plugin('storage_s3')\n"
        "plugin.settings.set_multi({'bucket_info_enabled': True, 'username': 'u', 'password': 'p'})\n"
        "db.session.commit()"
    )
    settings = last_line(with_plugin("ours").script(SETTINGS))
    assert settings == {"bucket_info_enabled": True, "username": "u", "password": "p"}


def test_a_mapping_that_the_other_plugin_would_write_is_applied_and_reverted(make_site, s3, bucket):
    site = make_site()
    site.script((HERE / "fill_site.py").read_text(), "1")
    before = site.files(s3)
    image = before["events.image_files 1"]
    s3.client.put_object(Bucket=bucket, Key="elsewhere/image.png", Body=b"image")
    line = {
        "m": "ImageFile", "pk": [1], "ob": "fs", "nb": "s3", "of": image.file_id, "nf": "elsewhere/image.png",
        "on": image.filename, "nn": "renamed.png",
    }  # fmt: skip
    (site.folder / "stock.jsonl").write_text(json.dumps(line) + "\n")
    site.write(backends={"s3": f"s3-readonly:{s3.options(bucket=bucket)}"})
    site.indico("s3", "migrate", "apply", "stock.jsonl")
    after = site.files(s3)["events.image_files 1"]
    assert (after.backend, after.file_id, after.filename) == ("s3", "elsewhere/image.png", "renamed.png")
    site.indico("s3", "migrate", "revert", "stock.jsonl")
    assert site.files(s3) == before
