"""States are declared once, with the ways between them, and are still the words that rows and JSON have."""

import ast
import json
import pickle
from datetime import datetime, timezone
from pathlib import Path

import pytest

from s3portal.transfer import DeclaredState, ImpossibleTransition, State, Transitions, Upload
from s3portal.transfer.states import TRANSITIONS

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)

UPLOAD = Upload(
    id="u1",
    state=State.UPLOADING,
    owner_type="dataset",
    owner_id="rivers",
    user="anna",
    filename="rivers.csv",
    size_bytes=7,
    content_type="text/csv",
    part_size_bytes=5 * 1024 * 1024,
    part_count=1,
    key="lab/rivers/u1/rivers.csv",
    s3_upload_id="s3-upload",
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
)


class Door(DeclaredState):
    OPEN = "open"
    SHUT = "shut"
    WALLED_UP = "walled up"


DOORS = Transitions(
    {Door.OPEN: (Door.SHUT,), Door.SHUT: (Door.OPEN, Door.WALLED_UP), Door.WALLED_UP: ()},
)


def test_a_state_is_the_word_that_rows_json_and_templates_have() -> None:
    assert State.UPLOADING == "uploading"
    assert {"uploading": 1}[State.UPLOADING] == 1
    assert f"{State.UPLOADING}" == str(State.UPLOADING) == "%s" % State.UPLOADING == "uploading"  # noqa: UP031
    assert json.dumps({"state": State.UPLOADING}) == '{"state": "uploading"}'
    assert pickle.loads(pickle.dumps(State.UPLOADING)) is State.UPLOADING


def test_the_same_word_of_two_portals_is_the_same_state() -> None:
    class Row(DeclaredState):
        UPLOADING = State.UPLOADING.value

    assert State.UPLOADING == Row.UPLOADING
    assert TRANSITIONS.allow(Row.UPLOADING, State.COMPLETED)


def test_only_the_ways_of_the_table_are_open() -> None:
    assert DOORS.step("shut", Door.WALLED_UP) is Door.WALLED_UP
    assert DOORS.before(Door.SHUT) == (Door.OPEN,)
    for before, after in [("open", Door.WALLED_UP), ("walled up", Door.OPEN), ("open", Door.OPEN)]:
        with pytest.raises(ImpossibleTransition, match=f"^what is {before} cannot become {after}$"):
            DOORS.step(before, after)


def test_what_no_one_declared_leads_nowhere() -> None:
    with pytest.raises(ImpossibleTransition):
        DOORS.step("ajar", Door.SHUT)


@pytest.mark.parametrize(
    "table",
    [
        {Door.OPEN: (Door.SHUT,), Door.SHUT: ()},
        {Door.OPEN: (), Door.SHUT: ()},
    ],
)
def test_a_table_has_every_state(table: dict[Door, tuple[Door, ...]]) -> None:
    with pytest.raises(ValueError, match=r"^the table lacks walled up$"):
        Transitions(table)


class BigDoor(DeclaredState):
    OPEN = Door.OPEN.value
    SHUT = Door.SHUT.value
    WALLED_UP = Door.WALLED_UP.value
    TORN_DOWN = "torn down"


def test_a_table_is_extended_by_states_and_by_ways_from_those_it_has() -> None:
    extended = DOORS.extended(BigDoor, {BigDoor.OPEN: (BigDoor.TORN_DOWN,), BigDoor.TORN_DOWN: ()})

    assert extended.before(BigDoor.TORN_DOWN) == (BigDoor.OPEN,)
    assert extended.before(BigDoor.SHUT) == (BigDoor.OPEN,)
    assert not DOORS.allow(Door.OPEN, "torn down")


def test_an_extended_table_has_every_state_too() -> None:
    with pytest.raises(ValueError, match=r"^the table lacks torn down$"):
        DOORS.extended(BigDoor, {})


@pytest.mark.parametrize("final", [State.ATTACHED, State.ABORTED])
def test_what_is_attached_or_aborted_stays_so(final: State) -> None:
    assert [state for state in State if TRANSITIONS.allow(final, state)] == []


def test_an_upload_goes_only_where_the_table_leads() -> None:
    completed = UPLOAD.become(State.COMPLETED, etag="e1")

    assert (completed.state, completed.etag) == (State.COMPLETED, "e1")
    assert completed.updated_at > UPLOAD.updated_at
    with pytest.raises(ImpossibleTransition):
        UPLOAD.become(State.ATTACHED)


def test_the_answer_has_a_plain_word() -> None:
    assert type(UPLOAD.as_dict()["state"]) is str


def _literal_states(source: str) -> set[str]:
    """The words for states that the program compares with or sets something called a state to."""
    words = {state.value for state in State} | {
        "creating", "completing", "aborting", "removing", "removed", "live", "draining", "closing",
    }  # fmt: skip
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        speaks_of_state = isinstance(node, ast.Compare) or (
            isinstance(node, ast.keyword) and node.arg == "state"
        )
        if speaks_of_state and "state" in ast.unparse(node):
            found |= {
                each.value
                for each in ast.walk(node)
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value in words
            }
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {node.value.value} & words
    return found


def test_the_search_for_literal_states_finds_them() -> None:
    assert _literal_states('row.state == "completed"') == {"completed"}
    assert _literal_states('query.filter_by(state="live")') == {"live"}
    assert _literal_states('ATTACHED = "attached"') == {"attached"}
    assert _literal_states("row.state == State.COMPLETED") == set()


def test_no_state_is_written_out_where_it_is_not_declared() -> None:
    folders = ("s3portal/transfer", "s3portal/portal", "s3portal/client", "ckanext", "indico_plugin")
    declaring = {"states.py", "upload_states.py", "grant_states.py"}
    sources = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        # A migration says what was true when it was written.
        if path.name not in declaring and not {"migration", "migrations"} & set(path.parts)
    ]

    assert len(sources) > 100
    assert {path: found for path in sources if (found := _literal_states(path.read_text()))} == {}
