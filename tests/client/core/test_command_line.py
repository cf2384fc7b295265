"""The command line before anything is sent: what is wrong with it is said, with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from s3portal.cli import main
from s3portal.client.command import TOKEN_VARIABLE

PORTAL = ("--portal", "https://data.example.org", "--dataset", "rivers")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "gauges.csv"
    path.write_text("1,2")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["FILE", "--dataset", "rivers"], "with --portal, or set S3PORTAL_URL"),
        (["FILE", "--portal", "https://data.example.org"], "Missing option '--dataset'"),
        (["FILE", "--portal", "data.example.org", "--dataset", "rivers"], "https://data.example.org"),
        (["FILE", "--portal", "https://[::1", "--dataset", "rivers"], "must be an address"),
        (["FILE", "--portal", "https://", "--dataset", "rivers"], "must be an address"),
        ([*PORTAL], "Missing argument 'FILE...'"),
        (["/no/such/file", *PORTAL], "does not exist"),
        (["/tmp", *PORTAL], "is a directory"),
        (["FILE", *PORTAL, "--concurrency", "17"], "17 is not in the range 1<=x<=16"),
        (
            ["FILE", "FILE", *PORTAL, "--name", "Gauges"],
            "--name and --resource can be used with one file only",
        ),
        (["FILE", *PORTAL], "S3PORTAL_TOKEN is not set"),
    ],
)
def test_a_command_that_cannot_be_run_says_why(arguments: list[str], said: str, file: str) -> None:
    words = [file if word == "FILE" else word for word in arguments]

    result = CliRunner().invoke(main, ["upload", *words], env={TOKEN_VARIABLE: "", "S3PORTAL_URL": None})

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize("token", ["abc\r\ndef", "\N{LEFT DOUBLE QUOTATION MARK}abc"])
def test_a_token_that_no_header_can_carry_is_said_to_be_one(token: str, file: str) -> None:
    result = CliRunner().invoke(main, ["upload", file, *PORTAL], env={TOKEN_VARIABLE: token})

    assert result.exit_code == 2
    assert "holds a character that no API token has" in " ".join(result.stderr.split())


def test_help_says_where_the_token_goes_and_what_the_exit_codes_mean() -> None:
    result = CliRunner().invoke(main, ["upload", "--help"])

    assert result.exit_code == 0
    assert "S3PORTAL_TOKEN" in result.output
    assert "130: interrupted" in result.output
