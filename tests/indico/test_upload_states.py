"""A row of a direct upload goes from state to state only as its table says."""

import pytest

from indico_plugin.direct_upload.states import UploadState
from indico_plugin.models.uploads import DirectUpload
from s3portal.transfer import ImpossibleTransition

#: With all of Indico's tables, which this one's needs.
pytestmark = pytest.mark.usefixtures("context")


@pytest.mark.parametrize(("before", "after"), [("aborted", "completed"), ("uploading", "attached")])
def test_a_row_does_not_leave_the_table(before: str, after: str) -> None:
    row = DirectUpload(state=before)

    with pytest.raises(ImpossibleTransition):
        row.state = after
    assert row.state == before


def test_a_row_may_change_and_may_be_written_as_it_is() -> None:
    row = DirectUpload(state="completed")

    row.state = UploadState.COMPLETED
    row.state = UploadState.ATTACHED

    assert row.state == "attached"


def test_a_state_that_only_others_have_is_none() -> None:
    with pytest.raises(ValueError, match="adopting"):
        DirectUpload(state="uploading").state = "adopting"
