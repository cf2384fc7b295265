"""Migration of a real site: there, with kills in between, apply, revert, and back; and every file is the
same.
"""

import json
import os
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

HERE = Path(__file__).parent
COUNT = 500


def contents(files: dict) -> dict:
    return {name: (file.filename, file.md5, file.true_md5) for name, file in files.items()}


def backends(files: dict) -> set:
    return {file.backend for file in files.values()}


def count_lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def lines_of(path: Path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def site(make_site):
    """A site with 505 files in its own folder."""
    site = make_site()
    site.script((HERE / "fill_site.py").read_text(), str(COUNT))
    return site


@pytest.fixture(scope="module")
def before(site, s3):
    return site.files(s3)


@pytest.fixture(scope="module")
def copy_command(s3, site):
    (site.folder / "aws-credentials").write_text(
        f"[default]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    )
    return [
        "s3", "migrate", "copy", "-e", s3.endpoint, "-B", "<2025:mig-old/s3-old", "-B", "mig-<year>",
        "-S", "mig-static", str(site.folder / "mapping.jsonl"),
    ]  # fmt: skip


@contextmanager
def files_that_cannot_be_read_to_their_end(site, files: dict, beyond: int):
    """Puts pipes in the place of all attachments but the first: who opens one waits there to be killed."""
    paths = [
        site.folder / "files" / file.file_id
        for name, file in files.items()
        if name.startswith("attachments.files ") and int(name.split()[1]) > beyond
    ]
    for path in paths:
        path.rename(path.with_suffix(".aside"))
        os.mkfifo(path)
    try:
        yield
    finally:
        for path in paths:
            path.with_suffix(".aside").rename(path)


@contextmanager
def locked(site, database, table: str, row_id: int):
    """Locks a row: who wants to change it waits there to be killed. Yields whether somebody waits."""
    waiting = (
        f"SELECT 1 FROM pg_stat_activity WHERE datname = '{site.database_name}' AND wait_event_type = 'Lock'"
    )
    connection = psycopg2.connect(f"{database.uri}/{site.database_name}")
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", [row_id])
        yield lambda: database.query(waiting, "postgres")


def test_a_killed_copy_resumes_where_it_was(site, before, copy_command, s3):
    mapping = site.folder / "mapping.jsonl"
    with files_that_cannot_be_read_to_their_end(site, before, beyond=60):
        site.indico(*copy_command, check=False, kill_when=lambda: count_lines(mapping) > 40)
    recorded = count_lines(mapping)
    assert 40 < recorded < COUNT
    with mapping.open("a") as torn:
        torn.write('{"m": "AttachmentFile", "pk": [4')
    run = site.indico(*copy_command)
    assert "All done." in run.stdout
    assert f"{len(before) - recorded} files copied, {recorded} were copied before." in run.stdout or (
        # The last line of the killed run may have been torn by the kill itself.
        f"{len(before) - recorded + 1} files copied" in run.stdout
    )
    # Those that were copied before count, so that the progress ends at the end.
    assert f"{len(before)} of {len(before)} files" in run.stderr
    assert site.files(s3) == before


def test_every_file_is_on_s3_once_with_its_md5_and_in_its_year_s_bucket(site, before, s3):
    entries = lines_of(site.folder / "mapping.jsonl")
    assert len({(entry["m"], tuple(entry["pk"])) for entry in entries}) == len(entries) == len(before)
    assert {entry["ob"] for entry in entries} == {"fs"}
    assert {entry["nb"] for entry in entries} == {"s3-old", "mig-2025", "mig-2026", "mig-static"}
    assert {entry["m"] for entry in entries if entry["nb"] == "mig-static"} == {"StaticSite"}
    assert not any(set(entry) - {"m", "pk", "ob", "nb", "of", "nf"} for entry in entries)
    keys = [key for bucket in ("mig-old", "mig-2025", "mig-2026", "mig-static") for key in s3.keys(bucket)]
    assert len(keys) == len(set(keys)) == len(before)
    assert len(s3.keys("mig-old")) == 167


def test_apply_refuses_while_indico_conf_lacks_the_backends(site, before, s3):
    run = site.indico("s3", "migrate", "apply", "mapping.jsonl", check=False)
    assert run.returncode == 1
    assert "has no mig-2025, mig-2026, mig-static, s3-old" in run.stderr
    assert site.files(s3) == before


def test_apply_with_what_copy_said_to_add_makes_indico_read_from_s3(site, before, copy_command, s3):
    run = site.indico(*copy_command)
    assert f"0 files copied, {len(before)} were copied before." in run.stdout
    said = [line.strip().rstrip(",") for line in run.stdout.splitlines() if "'s3-readonly:" in line]
    site.write(backends=eval("{" + ",".join(said) + "}"))
    out = site.indico("s3", "migrate", "apply", "mapping.jsonl").stdout
    assert f"{len(before)} rows updated, 0 needed no update, 0 are gone." in out
    after = site.files(s3)
    assert contents(after) == contents(before)
    assert backends(after) == {"s3-old", "mig-2025", "mig-2026", "mig-static"}
    again = site.indico("s3", "migrate", "apply", "mapping.jsonl").stdout
    assert f"0 rows updated, {len(before)} needed no update" in again


def test_a_killed_revert_changes_nothing_and_the_next_gives_everything_back(site, before, s3, database):
    applied = site.files(s3)
    with locked(site, database, "attachments.files", COUNT // 2) as somebody_waits:
        site.indico("s3", "migrate", "revert", "mapping.jsonl", check=False, kill_when=somebody_waits)
        assert site.files(s3) == applied
    assert site.files(s3) == applied
    site.indico("s3", "migrate", "revert", "mapping.jsonl")
    assert site.files(s3) == before
    site.indico("s3", "migrate", "apply", "mapping.jsonl")


def test_back_brings_also_files_that_were_only_ever_on_s3(site, before, s3, bucket, database):
    site.write(
        backends={**site.backends, "s3": f"s3:{s3.options(bucket=bucket)}"}, attachments="s3",
    )  # fmt: skip
    site.script((HERE / "fill_site.py").read_text(), "30")
    with_new = site.files(s3)
    assert "s3" in backends(with_new)
    local = site.folder / "files"
    local.rename(site.folder / "files-of-before")
    mapping = site.folder / "back.jsonl"
    with locked(site, database, "attachments.files", COUNT // 2) as somebody_waits:
        site.indico("s3", "migrate", "back", str(mapping), check=False, kill_when=somebody_waits)
    assert count_lines(mapping) > 40
    assert contents(site.files(s3)) == contents(with_new)
    assert len(backends(site.files(s3))) > 1
    out = site.indico("s3", "migrate", "back", str(mapping)).stdout
    assert "files are now in fs." in out
    back = site.files(s3)
    assert backends(back) == {"fs"}
    assert contents(back) == contents(with_new)
    assert not list(local.rglob("*.arriving"))
    site.indico("s3", "migrate", "revert", str(mapping))
    assert site.files(s3) == with_new


def test_an_empty_site_is_fine(make_site, s3):
    site = make_site()
    run = site.indico("s3", "migrate", "copy", "-e", s3.endpoint, "-B", "empty", "-S", "empty", "out.jsonl")
    assert "0 files copied" in run.stdout
    assert "0 rows updated" in site.indico("s3", "migrate", "apply", "out.jsonl").stdout
    assert "0 files are now in fs." in site.indico("s3", "migrate", "back", "back.jsonl").stdout


def test_what_fails_is_said_and_the_exit_code_is_not_0(make_site, s3):
    site = make_site()
    site.script((HERE / "fill_site.py").read_text(), "5")
    (site.folder / "aws-credentials").write_text(
        f"[default]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    )
    victims = sorted((site.folder / "files").rglob("*-talk.pdf"))
    victims[0].write_bytes(b"rotten")
    images = list((site.folder / "files").rglob("*.png"))
    images[0].unlink()
    command = ["s3", "migrate", "copy", "-e", s3.endpoint, "-B", "fail-bucket", "out.jsonl"]
    run = site.indico(*command, check=False)
    assert run.returncode == 1
    assert "7 files copied" in run.stdout.replace("8 files", "7 files")
    assert "its MD5 is" in run.stderr
    assert "No such file" in run.stderr
    assert "2 failed. Run the same command again to retry them." in run.stderr
    assert len(lines_of(site.folder / "out.jsonl")) == len(s3.keys("fail-bucket"))


def test_rows_that_changed_since_the_copy_stay_as_they_are(make_site, s3, bucket):
    site = make_site()
    site.script((HERE / "fill_site.py").read_text(), "3")
    (site.folder / "aws-credentials").write_text(
        f"[default]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    )
    run = site.indico("s3", "migrate", "copy", "-e", s3.endpoint, "-B", f"{bucket}/s3-new", "out.jsonl")
    site.write(backends={"s3-new": f"s3-readonly:{s3.options(bucket=bucket)}"})
    site.script(
        "from indico.core.db import db\n"
        "from indico.modules.events.layout.models.images import ImageFile\n"
        "from indico.modules.events.papers.models.templates import PaperTemplate\n"
        "image = ImageFile.query.one()\n"
        "image.delete()\n"
        "image.filename, image.content_type = 'other.png', 'image/png'\n"
        "image.save(b'another image')\n"
        "db.session.delete(PaperTemplate.query.one())\n"
        "db.session.commit()"
    )
    out = site.indico("s3", "migrate", "apply", "out.jsonl")
    assert "1 are gone." in out.stdout
    assert "1 rows now have a different file and stay as they are: ImageFile" in out.stderr
    assert backends(site.files(s3)) == {"fs", "s3-new"}
    assert run.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-B", "<2009:old"], "the last bucket is for all other files"),
        (["-B", "old", "-B", "new"], "all buckets but the last need a condition"),
        (["-B", "a:b:c"], "is not a bucket"),
        (["-B", "new", "-S", "static-<year>"], "takes neither conditions nor placeholders"),
        (["-B", "new", "-s", "nowhere"], "STORAGE_BACKENDS in indico.conf has no nowhere"),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(app, arguments, sentence, tmp_path):
    from indico_plugin.migration.commands import migrate_commands

    run = app.test_cli_runner().invoke(migrate_commands, ["copy", *arguments, str(tmp_path / "out.jsonl")])
    assert run.exit_code == 2
    assert sentence in run.output


# Does what `rclone copy --copy-links --immutable FOLDER REMOTE:BUCKET` does, and leaves one file out.
RCLONE = """\
#!{python}
import os, sys
import boto3
assert sys.argv[1:4] == ["copy", "--copy-links", "--immutable"], sys.argv
folder, bucket = sys.argv[4], sys.argv[5].removeprefix("remote:")
client = boto3.client("s3", endpoint_url="{endpoint}", region_name="us-east-1")
for place, _, names in os.walk(folder):
    for name in names:
        path = os.path.join(place, name)
        if not name.endswith(".zip"):
            client.put_object(Bucket=bucket, Key=os.path.relpath(path, folder), Body=open(path, "rb"))
"""


def test_rclone_may_send_the_files_and_each_is_verified_anyway(make_site, s3, bucket):
    site = make_site()
    site.script((HERE / "fill_site.py").read_text(), "2")
    (site.folder / "aws-credentials").write_text(
        f"[default]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    )
    program = site.folder / "rclone"
    program.write_text(RCLONE.format(python=site.python, endpoint=s3.endpoint))
    program.chmod(0o755)
    site.path = f"{site.folder}:{os.environ['PATH']}"
    run = site.indico(
        "s3", "migrate", "copy", "-r", "remote", "-e", s3.endpoint, "-B", bucket, "out.jsonl", check=False
    )
    assert run.returncode == 1
    assert "6 files copied" in run.stdout
    assert "StaticSite" in run.stderr
    assert len(lines_of(site.folder / "out.jsonl")) == len(s3.keys(bucket)) == 6
