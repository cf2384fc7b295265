"""Every command of the guide's tasks in docs/buckets.md, as it stands there, against the bundled server."""

import re
import shlex
from pathlib import Path

from bucket_commands import keys
from foreign_store import is_foreign

PAGE = (Path(__file__).parents[2] / "docs" / "buckets.md").read_text("utf-8")
SECTION = PAGE.split("## The tasks of the CoralNet guide")[1].split("\n## ")[0]
ROWS = [line for line in SECTION.splitlines() if line.startswith("| ")]
#: Block Public Access has to be off for it, as the page says.
REFERER = "set-referer"


def commands_of_the_page():
    """The commands in the order of the page: those of the last column, then those below."""
    cells = [row.strip("| ").split(" | ")[-1] for row in ROWS]
    below = SECTION.split("### Pages that show")[1]
    inline = [found for text in [*cells, below] for found in re.findall("`(s3portal [^`]*)`", text)]
    return [*inline, *re.findall("^s3portal .*", below, re.MULTILINE)]


def in_order(commands):
    """What deletes comes last, and what a policy needs before it."""
    last = [each for each in commands if " rename " in each or " delete " in each]
    unblock = [each for each in commands if " unblock " in each]
    rest = [each for each in commands if each not in last and each not in unblock]
    place = next(number for number, each in enumerate(rest) if REFERER in each)
    return [*rest[:place], *unblock, *rest[place:], *last]


def test_they_all_run(s3portal, client, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DIR").symlink_to(folder)
    (tmp_path / "folders.tsv").write_text(f"{folder}\ts3://media/labels\n")
    (tmp_path / "ckan.ini").write_text(
        "[app:main]\nckanext.s3multipart.s3_bucket = media\nckan.site_url = https://www.example.org\n"
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".s3cfg").write_text("[default]\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    client.create_bucket(Bucket="media-copy")

    commands = in_order(commands_of_the_page())
    assert len(commands) > 20
    for command in commands:
        words = [
            str(Path(word).expanduser()) if word.startswith("~") else word
            for word in shlex.split(command)[1:]
        ]
        change = words[0] == "sync" or (words[:1] == ["bucket"] and not {"doctor", "audit"} & set(words))
        said = s3portal(*words, *(["--yes"] if change else []), typed=f"{words[-2]}\nmedia-copy\n")
        # Something to look at is exit code 1.
        expected = (0, 1) if {"doctor", "audit"} & set(words) else (0,)
        if is_foreign() and said.code == 3 and "this store has no" in said.err:
            continue
        assert said.code in expected, (command, said)

    assert len(keys(client, "media", "images/")) == len(keys(client, "media", "labels/")) == 42
    assert "media-2" not in {each["Name"] for each in client.list_buckets()["Buckets"]}
