"""Comparing changes nothing, and understands what stores and spreadsheets make of files."""

import os

from bucket_commands import TIME_S


def test_check_names_what_differs_and_changes_nothing(s3portal, json_lines, client, folder):
    s3portal("sync", folder, "s3://files")
    assert s3portal("check", folder, "s3://files").code == 0
    changed = folder / "a" / "00.csv"
    changed.write_bytes(changed.read_bytes()[::-1])
    os.utime(changed, (TIME_S, TIME_S))
    (folder / "a" / "03.csv").unlink()
    (folder / "new").write_bytes(b"x")
    said = s3portal("check", folder, "s3://files")
    assert said.code == 1
    differing = {
        line["path"]: line["difference"]
        for line in json_lines("check", folder, "s3://files")
        if "path" in line
    }
    assert differing == {"a/00.csv": "other content", "a/03.csv": "not in the source", "new": "missing"}
    # By time, which was put back, the changed file looks the same.
    assert "a/00.csv" not in s3portal("sync", folder, "s3://files", "--dry-run").out
    assert (
        "send a/00.csv (other content)"
        in s3portal("sync", folder, "s3://files", "--dry-run", "--checksum").out
    )


def test_check_understands_the_etags_of_parts(s3portal, client, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    content = os.urandom(17 * 1024 * 1024)
    (source / "large").write_bytes(content)
    upload = client.create_multipart_upload(Bucket="files", Key="large")["UploadId"]
    parts = []
    for number, at in enumerate(range(0, len(content), 6 * 1024 * 1024), 1):
        body = content[at : at + 6 * 1024 * 1024]
        sent = client.upload_part(Bucket="files", Key="large", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    client.complete_multipart_upload(
        Bucket="files", Key="large", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert s3portal("check", source, "s3://files").code == 0
    (source / "large").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert s3portal("check", source, "s3://files").code == 1


def test_check_as_csv(s3portal, client, folder):
    (folder / '=cmd|"x"').write_bytes(b"x")
    said = s3portal("check", folder, "s3://files", "--csv")
    lines = said.out.splitlines()
    assert lines[0] == "path,difference"
    assert '"\'=cmd|""x""",missing' in lines


def test_verifying_finds_what_a_comparison_by_time_does_not(s3portal, client, folder):
    s3portal("sync", folder, "s3://files")
    changed = folder / "a" / "00.csv"
    changed.write_bytes(changed.read_bytes()[::-1])
    os.utime(changed, (TIME_S, TIME_S))
    assert s3portal("sync", folder, "s3://files").code == 0
    said = s3portal("sync", folder, "s3://files", "--verify")
    assert said.code == 1
    assert "a/00.csv: other content" in said.err


def test_verifying_says_what_is_missing_because_it_could_not_be_sent(s3portal, server, folder):
    server.faults.add("PutObject", status=403, code="AccessDenied", first=1)
    said = s3portal("sync", folder, "s3://files", "--verify")
    assert said.code == 1
    assert said.err.count(": missing") == 1
