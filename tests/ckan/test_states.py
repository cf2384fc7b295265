"""A row of CKAN's goes from state to state only as the tables say."""

from dataclasses import replace

import pytest

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.upload_states import LEASED, TRANSITIONS, UNFINISHED, RowState, shown_state
from ckanext.s3multipart.uploads import grant_states
from ckanext.s3multipart.uploads.grant_states import GrantState
from ckanext.s3multipart.uploads.portal import PORTAL, CkanRow
from ckanext.s3multipart.uploads.session_model import SessionGrant
from s3portal.portal.protocol import Lease
from s3portal.transfer import ImpossibleTransition, State, Upload


def test_every_state_of_an_upload_is_one_of_a_row() -> None:
    assert {state.value for state in State} <= {state.value for state in RowState}


@pytest.mark.parametrize(
    ("before", "after"),
    [("uploading", "removed"), ("attached", "uploading"), ("removed", "version"), ("completed", "version")],
)
def test_a_row_does_not_leave_the_table(before: str, after: str) -> None:
    row = UploadRow(state=before)

    with pytest.raises(ImpossibleTransition):
        row.state = after
    assert row.state == before


def test_a_row_may_change_and_may_be_written_as_it_is() -> None:
    row = UploadRow(state="completed")

    row.state = RowState.COMPLETED
    row.state = RowState.ATTACHED

    assert row.state == "attached"


def test_a_grant_does_not_come_to_life_again() -> None:
    grant = SessionGrant(state="draining")

    with pytest.raises(ImpossibleTransition):
        grant.state = GrantState.LIVE
    assert not grant_states.TRANSITIONS.allow(GrantState.CLOSING, GrantState.LIVE)


def test_a_lease_is_not_taken_for_what_the_table_does_not_have() -> None:
    with pytest.raises(ImpossibleTransition):
        PORTAL.rows.take("u1", RowState.COMPLETING, before=(RowState.ATTACHED,))


def test_what_came_of_a_lease_follows_from_it() -> None:
    moment = now()
    upload = Upload(
        id="u1",
        state=RowState.UPLOADING,
        owner_type="dataset",
        owner_id="d1",
        user="p1",
        filename="a.csv",
        size_bytes=1,
        content_type="text/csv",
        part_size_bytes=1,
        part_count=1,
        key="a.csv",
        s3_upload_id="",
        created_at=moment,
        updated_at=moment,
        expires_at=moment,
    )
    row = CkanRow(upload=upload, state=RowState.CREATING, resource_id="r1")
    lease = Lease("token", RowState.CREATING, RowState.CREATING, row)

    with pytest.raises(ImpossibleTransition):
        PORTAL.rows.record(lease, replace(upload, state=RowState.ATTACHED))


def test_others_see_an_upload_under_a_lease_as_it_was_or_will_be() -> None:
    assert [shown_state(state) for state in LEASED] == ["uploading", "uploading", "aborted"]
    assert shown_state("removed") == "removed"


def test_whatever_is_unfinished_can_be_given_up() -> None:
    assert [state for state in UNFINISHED if not TRANSITIONS.allow(state, RowState.ABORTING)] == []
