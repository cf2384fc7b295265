"""An upload that another process has a lease for is attached as little as one that is being sent."""

import pytest
from callers import Caller
from ckan import model

from ckanext.s3multipart.model import UploadRow


@pytest.mark.parametrize(
    ("of_the_lease", "shown"),
    [("creating", "uploading"), ("completing", "uploading"), ("aborting", "aborted")],
)
def test_the_refusal_says_the_state_that_callers_know(
    publisher: Caller, of_the_lease: str, shown: str
) -> None:
    upload = publisher.begin()
    table = UploadRow.__table__
    model.Session.execute(table.update().where(table.c.id == upload["id"]).values(state=of_the_lease))
    model.Session.commit()

    answer = publisher.call(
        "resource_create", package_id=publisher.dataset, s3multipart_upload_id=upload["id"]
    )

    assert (answer.status, answer.error["code"]) == (409, "upload_not_complete")
    assert answer.error["state"] == shown
    assert answer.error["message"].startswith(f"This upload is {shown}. ")
