"""The `s3portal` command: what it offers, and what it says where an extra is missing."""

import importlib

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
