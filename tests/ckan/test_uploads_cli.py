"""``ckan s3multipart uploads``: unfinished uploads are listed, handed over and aborted in a terminal."""

import json

import pytest
from callers import Caller
from command_lists import cut_helps
from kept_uploads import states
from organisation_members import member_of

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.upload_states import RowState


class TestTerminal:
    def test_uploads_are_listed_handed_over_and_aborted(self, cli, publisher: Caller) -> None:
        upload = publisher.begin(filename="unfinished.csv")
        editor = member_of(publisher, "editor")

        listed = run(cli, "list", "--organization", publisher.organisation)
        assert "unfinished.csv" in listed and publisher.name in listed and upload["id"] in listed

        run(cli, "hand-over", upload["id"], editor.name)
        [row] = json.loads(run(cli, "list", "--user", editor.name, "--json"))
        assert (row["id"], row["publisher"]) == (upload["id"], editor.name)

        run(cli, "abort", upload["id"])
        assert states(publisher) == [RowState.ABORTED]

    def test_a_name_does_not_steer_the_terminal(self, cli, publisher: Caller) -> None:
        publisher.begin(filename="un\x1b[2Jfinished\n.csv")

        listed = run(cli, "list", "--organization", publisher.organisation)

        assert "un[2Jfinished.csv" in listed

    @pytest.mark.parametrize(
        "arguments",
        [("abort", "no-such"), ("hand-over", "no-such", "nobody"), ("list", "--user", "no-such-user")],
    )
    def test_what_is_not_there_is_said(self, cli, arguments: tuple[str, ...]) -> None:
        said = cli.invoke(s3multipart, ["uploads", *arguments])

        assert said.exit_code == 1
        assert "Traceback" not in said.output


def run(cli, *arguments: str) -> str:
    said = cli.invoke(s3multipart, ["uploads", *arguments], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    return said.stdout


def test_the_lists_of_commands_cut_no_sentence() -> None:
    assert list(cut_helps(s3multipart, "ckan s3multipart")) == []
