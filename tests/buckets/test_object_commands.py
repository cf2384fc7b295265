"""Single objects: listed, copied, removed, and handed out by links that expire."""

import urllib.request
from urllib.error import HTTPError

import pytest
from bucket_commands import require_reader


@pytest.fixture
def some(client):
    for key in ("a/1", "a/2", "b", "c d/ä"):
        client.put_object(Bucket="files", Key=key, Body=key.encode())


def test_folders_are_listed_and_all_below_them_on_demand(json_lines, our_buckets, some):
    assert [row["key"] for row in json_lines("ls", "s3://files")] == ["a/", "c d/", "b"]
    assert [row["key"] for row in json_lines("ls", "s3://files/a/")] == ["a/1", "a/2"]
    assert [row["key"] for row in json_lines("ls", "s3://files", "-r")] == ["a/1", "a/2", "b", "c d/ä"]
    assert {*our_buckets()} == {"files"} <= {row["bucket"] for row in json_lines("ls")}


def test_lines_of_a_listing_say_time_size_and_version(s3portal, client):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    kept = client.put_object(Bucket="files", Key="a/kept", Body=b"x" * 1500)
    time = client.head_object(Bucket="files", Key="a/kept")["LastModified"].strftime("%Y-%m-%d %H:%M:%S")
    gone = client.put_object(Bucket="files", Key="gone", Body=b"")
    marker = client.delete_object(Bucket="files", Key="gone")
    assert s3portal("ls", "s3://files").out == f"{'':19}  {'':>10}  a/\n"
    assert s3portal("ls", "s3://files", "-r").out == f"{time}  {'1.5 kB':>10}  a/kept\n"
    assert s3portal("ls", "s3://files", "--versions").out.splitlines() == [
        f"{'':19}  {'1.5 kB':>10}  a/kept  {kept['VersionId']}",
        f"{'':19}  {'0 bytes':>10}  gone  {gone['VersionId']}",
        f"{'':19}  {'':>10}  gone  {marker['VersionId']}  deleted",
    ]


def test_versions_and_markers_are_listed(json_lines, client):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="files", Key="k", Body=b"1")
    client.delete_object(Bucket="files", Key="k")
    assert [row["marker"] for row in json_lines("ls", "s3://files", "--versions")] == [False, True]
    assert json_lines("ls", "s3://files") == []


def test_a_link_reads_writes_and_deletes_what_it_says(s3portal, client, some):
    def url(*options):
        return s3portal("presign", "s3://files/c d/ä", *options).out.strip()

    assert urllib.request.urlopen(url()).read() == "c d/ä".encode()
    urllib.request.urlopen(urllib.request.Request(url("--method", "PUT"), b"new", method="PUT"))
    assert client.get_object(Bucket="files", Key="c d/ä")["Body"].read() == b"new"
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url(), b"x", method="PUT"))
    assert refused.value.code == 403
    urllib.request.urlopen(urllib.request.Request(url("--method", "DELETE"), method="DELETE"))
    assert "Contents" not in client.list_objects_v2(Bucket="files", Prefix="c d/")


def test_a_link_lives_seven_days_at_most(s3portal):
    assert s3portal("presign", "s3://files/a", "--expires", str(7 * 24 * 3600 + 1)).code == 2


def test_one_object_goes_and_its_neighbours_stay(s3portal, client, some):
    assert s3portal("rm", "s3://files/a/1").code == 0
    assert [each["Key"] for each in client.list_objects_v2(Bucket="files", Prefix="a")["Contents"]] == ["a/2"]


def test_all_under_a_prefix_goes_after_a_question(s3portal, client, some):
    assert s3portal("rm", "-r", "s3://files/a/").code == 2
    assert s3portal("rm", "-r", "s3://files/a/", "--yes").out.startswith("2 removed")
    assert "s3portal bucket empty" in s3portal("rm", "-r", "s3://files").err


def test_former_versions_stay_unless_asked_for(s3portal, client):
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    for key in ("k", "kk"):
        client.put_object(Bucket="files", Key=key, Body=b"1")
    assert s3portal("rm", "s3://files/k").code == 0
    assert len(client.list_object_versions(Bucket="files", Prefix="k")["Versions"]) == 2
    assert s3portal("rm", "s3://files/k", "--all-versions").code == 0
    assert [each["Key"] for each in client.list_object_versions(Bucket="files")["Versions"]] == ["kk"]
    assert "DeleteMarkers" not in client.list_object_versions(Bucket="files")


@pytest.mark.parametrize(
    ("target", "key"), [("s3://files/x", "x"), ("s3://files/p/", "p/file.txt"), ("s3://files", "file.txt")]
)
def test_a_file_goes_up_under_its_name_or_another(s3portal, client, tmp_path, target, key):
    (tmp_path / "file.txt").write_bytes(b"content")
    assert s3portal("cp", tmp_path / "file.txt", target).code == 0
    assert client.get_object(Bucket="files", Key=key)["Body"].read() == b"content"


def test_an_object_comes_down_and_replaces_what_was_there(s3portal, client, some, tmp_path):
    (tmp_path / "b").write_bytes(b"older")
    assert s3portal("cp", "s3://files/b", tmp_path).code == 0
    assert (tmp_path / "b").read_bytes() == b"b"
    assert s3portal("cp", "s3://files/a/1", tmp_path / "one").code == 0
    assert (tmp_path / "one").read_bytes() == b"a/1"
    assert s3portal("cp", "s3://files/b", "s3://files/copy").code == 0
    assert client.get_object(Bucket="files", Key="copy")["Body"].read() == b"b"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("cp", "s3://files/nowhere", "x"), 3, "there is no object"),
        (("cp", "nowhere", "s3://files/x"), 2, "No such file"),
        (("cp", ".", "s3://files/x"), 2, "s3portal sync"),
        (("rm", "files/a"), 2, "write s3://BUCKET"),
        (("presign", "s3://files"), 2, "write s3://BUCKET/KEY"),
        (("ls", "s3://nowhere"), 3, "there is no bucket nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(s3portal, arguments, code, words):
    said = s3portal(*arguments)
    assert said.code == code
    assert words in said.err


def test_names_cannot_rewrite_the_terminal(s3portal, client, tmp_path):
    client.put_object(Bucket="files", Key="a\x1b[2J\nb\u202ec", Body=b"")
    for command in (("ls", "s3://files"), ("check", "s3://files", tmp_path), ("rm", "s3://files/a", "-r")):
        more = ("--dry-run",) if command[0] == "rm" else ()
        said = s3portal(*command, *more)
        assert "\x1b" not in said.out + said.err
        assert "\u202e" not in said.out + said.err
    assert "a\\x1b[2J\\nb\\u202ec" in s3portal("ls", "s3://files").out


def test_what_is_not_there_is_not_said_to_be_removed(s3portal, client, some):
    said = s3portal("rm", "s3://files/a")
    assert said.code == 3
    assert "there is no object s3://files/a" in said.err
    assert "--recursive" in said.err
    assert s3portal("rm", "s3://files/b").code == 0
    assert client.list_objects_v2(Bucket="files")["KeyCount"] == 3


@pytest.mark.parametrize("command", [("presign", "s3://files/a"), ("cp", "SOURCE", "s3://files/a")])
def test_without_keys_the_variables_are_named(s3portal, monkeypatch, tmp_path, command):
    (tmp_path / "SOURCE").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    said = s3portal(*command)
    assert said.code == 3
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said.err


def test_only_commands_with_a_report_offer_one(s3portal, monkeypatch, some):
    require_reader()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader-key")
    said = s3portal("rm", "s3://files/b")
    assert said.code == 1
    assert "this needs s3:DeleteObject" in said.err
    assert "--report" not in said.err
