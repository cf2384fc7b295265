"""The dtool command line as people use it, with our broker behind it.

``shell`` starts it as a shell does, where that is what a test is about.
"""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

from command_lists import is_cut

from s3portal.dtool.cat_command import cat


def test_a_dataset_from_nothing_to_verified(dtool, bucket, tmp_path):
    uri = dtool.ok("create", "-q", "rivers", bucket.uri)
    assert dtool.ok("status", uri) == "proto"
    gauge = tmp_path / "köln gauge.csv"
    gauge.write_text("1,2\n")
    dtool.ok("add", "item", str(gauge), uri)
    dtool.ok("add", "item", str(gauge), uri, "copy/of.it.csv")
    for item, is_copy in (("köln gauge.csv", "no"), ("copy/of.it.csv", "yes")):
        dtool.ok("add", "metadata", uri, item, "is.copy", is_copy)
    dtool.ok("readme", "write", uri, "-", text_in="description: gauges of the Rhine\n")
    dtool.ok("name", uri, "rhine")
    assert "Dataset frozen" in dtool.ok("freeze", uri)
    assert dtool.ok("status", uri) == "frozen"
    assert "gauges of the Rhine" in dtool.ok("readme", "show", uri)
    assert dtool.ok("verify", "--full", uri) == "All good :)"
    assert dtool.ok("ls", "-q", uri).splitlines() == ["copy/of.it.csv", "köln gauge.csv"]
    summary = json.loads(re.sub(r"\x1b\[[0-9;]*m", "", dtool.ok("summary", "-f", "json", uri)))
    assert (summary["name"], summary["number_of_items"], summary["size_in_bytes"]) == ("rhine", 2, 8)
    assert uri in dtool.ok("ls", "-q", bucket.uri).splitlines()


def test_tags_annotations_overlays_and_readme_of_a_frozen_dataset(dtool, bucket, on_disk):
    uri = dtool.ok("cp", "-q", on_disk({"a.csv": b"a", "b.txt": b"b"}), bucket.uri)
    dtool.ok("tag", "set", uri, "water")
    dtool.ok("tag", "set", uri, "v1.2")
    assert dtool.ok("tag", "ls", uri).splitlines() == ["v1.2", "water"]
    dtool.ok("tag", "delete", uri, "v1.2")
    assert dtool.ok("tag", "ls", uri) == "water"
    dtool.ok("annotation", "set", "-t", "int", uri, "project.id", "7")
    assert dtool.ok("annotation", "get", uri, "project.id") == "7"
    assert dtool.ok("annotation", "ls", uri) == "project.id\t7"
    template = dtool.ok("overlays", "template", "glob", uri, "is.csv", "*.csv")
    dtool.ok("overlays", "write", uri, "-", text_in=template + "\n")
    assert "is.csv" in dtool.ok("overlays", "show", uri)
    dtool.ok("readme", "write", uri, "-", text_in="description: new\n")
    assert "description: new" in dtool.ok("readme", "show", uri)


def test_a_copy_there_and_back_is_the_same(dtool, bucket, on_disk, tmp_path):
    source = on_disk({"a.csv": b"a", "deep/er/ü.bin": bytes(range(256)), "empty": b""})
    uri = dtool.ok("cp", "-q", source, bucket.uri)
    (tmp_path / "back").mkdir()
    back = dtool.ok("cp", "-q", uri, str(tmp_path / "back"))
    dtool.ok("diff", "--full", source, back)
    dtool.ok("diff", "--full", source, uri)
    (identifier,) = (line.split()[0] for line in dtool.ok("ls", uri).splitlines() if line.endswith("a.csv"))
    assert Path(dtool.ok("item", "fetch", uri, identifier)).read_bytes() == b"a"


def test_a_copy_from_bucket_to_bucket_is_the_same(dtool, bundled, on_disk, monkeypatch):
    bundled.store.client().create_bucket(Bucket="other-bucket")
    for name, value in bundled.settings.items():
        monkeypatch.setenv(name.replace(bundled.name, "other-bucket"), value)
    items = {f"{number}.csv": b"%d" % number for number in range(60)}
    here = dtool.ok("cp", "-q", on_disk(items), bundled.uri)
    there = dtool.ok("cp", "-q", here, "s3://other-bucket")
    dtool.ok("diff", "--full", here, there)


def test_progress_bars_go_to_the_end(shell, bucket, on_disk):
    source = on_disk({f"{number}.csv": b"a" for number in range(20)})
    assert "100%" in on_a_terminal(shell.line("cp", source, bucket.uri))


def on_a_terminal(line):
    """What a command shows on a terminal, which alone gets progress bars."""
    ours, the_commands = os.openpty()
    command = subprocess.Popen(line, stdout=the_commands, stderr=the_commands)
    os.close(the_commands)
    shown = b""
    # Linux answers EIO, not an end of file, when nobody has the other side open any more.
    with contextlib.suppress(OSError):
        while read := os.read(ours, 4096):
            shown += read
    os.close(ours)
    assert command.wait(timeout=150) == 0, shown
    return shown.decode()


def test_a_failure_is_a_sentence_and_no_traceback(shell, bundled, on_disk, s3_server):
    source = on_disk({"a.csv": b"a"})
    s3_server.faults.add("PutObject", status=403)
    failed = shell("cp", source, bundled.uri)
    assert failed.returncode == 1
    assert "Error: s3://test-bucket/" in failed.stderr
    assert "lacks s3:PutObject" in failed.stderr
    assert "DTOOL_S3_DATASET_PREFIX_test-bucket" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_item_that_fails_fails_the_command(shell, bundled, tmp_path, s3_server):
    uri = shell.ok("create", "-q", "rivers", bundled.uri)
    (tmp_path / "a.csv").write_bytes(b"a")
    s3_server.faults.add("PutObject", status=403)
    failed = shell("add", "item", str(tmp_path / "a.csv"), uri)
    assert failed.returncode == 1
    assert "a.csv: " in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_version_names_the_broker(shell):
    assert "s3, s3portal, version" in shell.ok("--version")


def test_the_list_of_commands_cuts_no_sentence_of_ours():
    assert not is_cut(cat)
