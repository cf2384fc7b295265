"""The `s3portal` command: what it offers, and what it says where an extra is missing."""

import importlib
import subprocess
import sys

import pytest
from click.testing import CliRunner
from command_lists import cut_helps

from s3portal import __version__
from s3portal.cli import main


def test_help_lists_the_commands() -> None:
    answer = CliRunner().invoke(main, ["--help"])
    assert answer.exit_code == 0
    assert "server" in answer.output


def test_the_version_is_the_packages() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_flask(name: str) -> None:
        raise ModuleNotFoundError(f"No module named 'flask', for {name}", name="flask")

    monkeypatch.setattr(importlib, "import_module", without_flask)
    answer = CliRunner().invoke(main, ["server"])
    assert answer.exit_code == 1
    assert "pip install 's3portal[server]'" in answer.output


def test_an_unknown_command_is_refused() -> None:
    answer = CliRunner().invoke(main, ["serve"])
    assert answer.exit_code == 2
    assert "serve" in answer.output


def test_the_list_of_commands_cuts_no_sentence() -> None:
    assert list(cut_helps(main, "s3portal")) == []


def test_ctrl_c_while_a_command_is_loaded_ends_as_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib, "import_module", interrupted)
    answer = CliRunner().invoke(main, ["sync", "a", "s3://b"])
    assert answer.exit_code == 130


def test_ctrl_c_before_anything_is_loaded_ends_without_a_traceback() -> None:
    code = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "import s3portal.cli\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "")
