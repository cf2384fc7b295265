"""``s3portal server import-myfsio``: folders of two releases, taken over, compared, and left as they were."""

from __future__ import annotations

import json
import secrets

import pytest
from click.testing import CliRunner
from myfsio_folders import KEY_ID, Folder, md5
from s3_callers import client_of, code_of

from s3portal.server.command import server_command
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer
from s3portal.server.upkeep import myfsio_importing
from s3portal.server.upkeep.importing import store_stream

CONTENT = secrets.token_bytes(2_500)
PUBLIC = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::plain/*"}
    ],
}


def run(root, folder, *options):
    arguments = ["--root", str(root), "import-myfsio", str(folder.root), *options]
    result = CliRunner().invoke(server_command, arguments)
    return result.exit_code, result.output


def snapshot(folder):
    files = (path for path in sorted(folder.root.rglob("*")) if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture(params=[False, True], ids=["0.2.1", "before"])
def folder(tmp_path, request):
    made = Folder(tmp_path / "data", is_old=request.param)
    made.add_kms_key()
    reader = {"access_key": "reader-key", "secret_key": "reader-secret", "display_name": "The Reader"}
    made.users(reader | {"policies": [{"bucket": "plain", "actions": ["list", "read"]}]})
    made.write_json(made.config / "bucket_policies.json", {"policies": {"plain": PUBLIC}})
    rule = {"ID": "old", "Status": "Enabled", "Prefix": "tmp/", "Expiration": {"Days": 30}}
    cors = {"AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 60}
    made.bucket(
        "plain",
        versioning_enabled=False,
        quota={"max_bytes": 10_000_000, "max_objects": 3},
        tags=[{"Key": "team", "Value": "rivers"}],
        cors=[cors],
        lifecycle=[rule],
    )
    made.put(
        "plain", "a.txt", b"hello", {"Colour": "grün", "__internal__": "x"}, [{"Key": "t", "Value": "1"}]
    )
    made.put("plain", "folder/b.bin", CONTENT)
    algorithm = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    made.bucket("kept", versioning_enabled=True, encryption={"Rules": [algorithm]})
    sealed, metadata = made.encrypted(CONTENT)
    made.put("kept", "secret/now", sealed, metadata | {"note": "mine"}, at=1_700_000_300)
    sealed, metadata = made.encrypted(b"the second")
    made.put_version("kept", "secret/now", sealed, "20251120T101112123456Z-ab12cd34", 1_700_000_200, metadata)
    made.put_version("kept", "secret/now", b"the first", "20251119T101112123456Z-ab12cd34", 1_700_000_100)
    made.put_version("kept", "gone", b"deleted", "20251118T101112123456Z-ab12cd34", 1_700_000_000)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY_ID}}
    made.bucket("managed", encryption={"Rules": [rule]})
    sealed, metadata = made.encrypted_by_key("managed", "k", CONTENT)
    made.put("managed", "k", sealed, metadata)
    return made


def test_everything_is_taken_over_and_the_source_stays(tmp_path, folder):
    before = snapshot(folder)
    code, output = run(tmp_path / "s3", folder)
    assert code == 0, output
    assert "3 buckets, 4 objects and 3 older versions" in output
    assert "1 users, 1 keys, 0 connections and 0 replication rules taken over; 0 were" in output
    assert "there already, 0 left out, 0 failed" in output
    assert snapshot(folder) == before
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        found = s3.get_object(Bucket="plain", Key="a.txt")
        assert (found["Body"].read(), found["ContentType"]) == (b"hello", "text/plain")
        assert found["Metadata"] == {"colour": "grün".encode().decode("latin-1")}
        assert found["ETag"] == f'"{md5(b"hello")}"'
        assert int(found["LastModified"].timestamp()) == 1_700_000_000
        assert s3.get_object_tagging(Bucket="plain", Key="a.txt")["TagSet"] == [{"Key": "t", "Value": "1"}]
        assert s3.get_object(Bucket="plain", Key="folder/b.bin")["Body"].read() == CONTENT
        assert json.loads(s3.get_bucket_policy(Bucket="plain")["Policy"]) == PUBLIC
        assert s3.get_bucket_tagging(Bucket="plain")["TagSet"] == [{"Key": "team", "Value": "rivers"}]
        assert s3.get_bucket_cors(Bucket="plain")["CORSRules"][0]["AllowedOrigins"] == ["https://a.example"]
        assert s3.get_bucket_lifecycle_configuration(Bucket="plain")["Rules"][0]["ID"] == "old"
        assert "Status" not in s3.get_bucket_versioning(Bucket="plain")
        s3.put_object(Bucket="plain", Key="third")
        assert code_of(s3.put_object, Bucket="plain", Key="fourth") == "QuotaExceeded"
        reader = client_of(server, aws_access_key_id="reader-key", aws_secret_access_key="reader-secret")
        assert reader.get_object(Bucket="plain", Key="a.txt")["Body"].read() == b"hello"
        assert code_of(reader.put_object, Bucket="plain", Key="a.txt") == "AccessDenied"
        assert code_of(reader.list_objects_v2, Bucket="kept") == "AccessDenied"


def test_versions_and_encrypted_objects(tmp_path, folder):
    assert run(tmp_path / "s3", folder)[0] == 0
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        listed = s3.list_object_versions(Bucket="kept", Prefix="secret/")["Versions"]
        bodies = [
            s3.get_object(Bucket="kept", Key="secret/now", VersionId=one["VersionId"])["Body"].read()
            for one in listed
        ]
        assert bodies == [CONTENT, b"the second", b"the first"]
        assert [one["IsLatest"] for one in listed] == [True, False, False]
        assert listed[1]["VersionId"] == "20251120T101112123456Z_ab12cd34"
        current = s3.head_object(Bucket="kept", Key="secret/now")
        assert (current["ServerSideEncryption"], current["Metadata"]) == ("AES256", {"note": "mine"})
        assert "ReplicationStatus" not in current
        part = s3.get_object(Bucket="kept", Key="secret/now", Range="bytes=990-1010")["Body"].read()
        assert part == CONTENT[990:1011]
        assert code_of(s3.get_object, Bucket="kept", Key="gone") == "NoSuchKey"
        gone = s3.list_object_versions(Bucket="kept", Prefix="gone")
        assert (len(gone["Versions"]), len(gone["DeleteMarkers"])) == (1, 1)
        assert s3.get_bucket_versioning(Bucket="kept")["Status"] == "Enabled"
        found = s3.get_object(Bucket="managed", Key="k")
        assert found["Body"].read() == CONTENT
        assert found["SSEKMSKeyId"].endswith(KEY_ID)
        kms = client_of(server, "admin", service="kms")
        kms.disable_key(KeyId=KEY_ID)
        assert code_of(s3.get_object, Bucket="managed", Key="k") == "KMS.DisabledException"


def test_it_may_be_run_again_and_takes_what_is_new(tmp_path, folder):
    assert run(tmp_path / "s3", folder)[0] == 0
    folder.put("plain", "later", b"new", at=1_700_001_000)
    sealed, metadata = folder.encrypted(b"newer")
    folder.put("kept", "secret/now", sealed, metadata, at=1_700_002_000)
    code, output = run(tmp_path / "s3", folder)
    assert code == 0, output
    assert "0 buckets, 2 objects and 0 older versions" in output
    assert "0 users, 0 keys, 0 connections and 0 replication rules taken over; 8 were there already" in output
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        assert s3.get_object(Bucket="kept", Key="secret/now")["Body"].read() == b"newer"
        assert len(s3.list_object_versions(Bucket="kept", Prefix="secret/")["Versions"]) == 4


def test_an_interrupted_one_is_finished_by_the_next(tmp_path, folder, monkeypatch):
    stored = []

    def interrupted(*arguments, **options):
        if len(stored) == 3:
            raise KeyboardInterrupt
        stored.append(arguments)
        return store_stream(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(myfsio_importing, "store_stream", interrupted)
        assert run(tmp_path / "s3", folder)[0] != 0
    code, output = run(tmp_path / "s3", folder)
    assert code == 0, output
    assert "3 objects and 1 older versions" in output
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        listed = s3.list_object_versions(Bucket="kept")
        assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (4, 1)
        assert s3.get_object(Bucket="kept", Key="secret/now")["Body"].read() == CONTENT
        assert s3.list_objects_v2(Bucket="plain")["KeyCount"] == 2


def test_changed_bytes_are_found_and_the_rest_is_taken_over(tmp_path, folder):
    sealed, metadata = folder.encrypted(CONTENT)
    flipped = bytearray(sealed)
    flipped[1_500] ^= 1
    folder.put("kept", "flipped", bytes(flipped), metadata)
    chunk = 4 + 1_000 + 16
    moved = sealed[:4] + sealed[4 + chunk : 4 + 2 * chunk] + sealed[4 : 4 + chunk] + sealed[4 + 2 * chunk :]
    folder.put("kept", "moved", moved, metadata)
    folder.put("kept", "cut", sealed[:-1], metadata)
    folder.put("plain", "wrong-etag", b"one").write_bytes(b"two")
    folder.put("plain", "wrong-size", b"one").write_bytes(b"three")
    code, output = run(tmp_path / "s3", folder)
    assert code == 1
    assert "3 older versions" in output
    assert output.count("Failed:") == 5
    for name in ("flipped", "moved", "cut", "wrong-etag", "wrong-size"):
        assert f"/{name}: " in output
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        assert s3.list_objects_v2(Bucket="kept")["KeyCount"] == 1
        assert s3.list_objects_v2(Bucket="plain")["KeyCount"] == 2


def test_links_and_ways_out_are_refused(tmp_path, folder):
    (tmp_path / "outside").write_bytes(b"not yours")
    (folder.root / "plain" / "link").symlink_to(tmp_path / "outside")
    (folder.root / "plain" / "linked").symlink_to(tmp_path)
    (folder.root / "linked-bucket").symlink_to(tmp_path)
    path = folder.put_version("kept", "odd", b"x", "20251118T101112123456Z-ab12cd35", 1_700_000_000)
    noted = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(noted | {"key": "../../outside"}))
    code, output = run(tmp_path / "s3", folder)
    assert code == 1
    assert output.count("a symbolic link is not followed") == 2
    assert "is about another object than its path says" in output
    with RunningServer(tmp_path / "s3", server_config()) as server:
        s3 = client_of(server, "admin")
        assert s3.list_objects_v2(Bucket="plain")["KeyCount"] == 2
        assert "linked-bucket" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_what_has_no_place_here_is_said(tmp_path, folder):
    folder.users(
        {
            "access_key": "localadmin",
            "secret_key": "localadmin",
            "policies": [{"bucket": "*", "actions": ["*"]}],
        },
        {"access_key": "short-key", "secret_key": "short", "policies": []},
    )
    folder.write_json(folder.config / "connections.json", {})
    (folder.root / "Not_A_Bucket").mkdir()
    folder.bucket("odd", website={"index": "a"})
    code, output = run(tmp_path / "s3", folder)
    assert code == 1
    for said in (
        "the user localadmin",
        "the user short-key",
        "connections.json: it must be a list",
        "bucket Not_A_Bucket",
        "website",
    ):
        assert f"Left out: {said}" in output or f", {said}" in output


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        (".myfsio.sys/ledger/1", "x", "holds ledger"),
        (".myfsio.sys/buckets/plain/meta/_index.json", "{}", "is of release 0.4 or later"),
        (".myfsio.sys/config/iam.json", "gAAAAABl", "it is encrypted, as releases 0.4 and later write it"),
    ],
)
def test_another_release_is_refused_by_what_tells_it(tmp_path, path, content, said):
    folder = Folder(tmp_path / "data")
    (folder.root / path).parent.mkdir(parents=True, exist_ok=True)
    (folder.root / path).write_text(content)
    code, output = run(tmp_path / "s3", folder)
    assert code == 2
    assert said in output


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    result = CliRunner().invoke(
        server_command, ["--root", str(tmp_path / "s3"), "import-myfsio", str(tmp_path / "data")]
    )
    assert result.exit_code == 2
    assert "it is no data folder of MyFSIO's" in result.output


def test_without_its_master_key_encrypted_objects_stay_behind(tmp_path, folder):
    (folder.keys / "kms_keys.json").unlink()
    key = (folder.keys / "master.key").rename(tmp_path / "elsewhere.key")
    code, output = run(tmp_path / "s3", folder)
    assert code == 1
    assert output.count("its data key cannot be opened") == 3
    folder.add_kms_key()
    code, output = run(tmp_path / "s3", folder, "--master-key", str(key))
    assert code == 0, output
