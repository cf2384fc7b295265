"""Whether a store writes over what is there although it was asked not to is tried where it matters."""

from collections.abc import Callable

from doctor_cases import Examine
from store_front import Asked, Said, StoreFront

from s3portal.server.testing import RunningServer

MEETING = {"keys_may_meet": True}


def test_a_store_that_refuses_is_well(examine: Examine, remains: Callable[[], list[str]]) -> None:
    examined = examine(fields=MEETING)

    assert examined.is_well, examined.complaints
    assert examined.states("overwriting") == ["ok"]
    assert remains() == []


def test_it_is_not_tried_where_keys_never_meet(examine: Examine) -> None:
    assert examine().states("overwriting") == []


def test_a_store_that_ignores_the_condition_of_complete_is_told(
    examine: Examine, front: StoreFront, remains: Callable[[], list[str]]
) -> None:
    def like_rgw(asked: Asked) -> Said | None:
        if asked.method == "POST" and "if-none-match" in asked.headers:
            return Said(
                200, [], b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
            )
        return None

    front.instead = like_rgw

    finding = examine(s3_endpoint=front.endpoint, fields=MEETING).one("look")

    assert "ignores If-None-Match with CompleteMultipartUpload:" in finding.text
    assert remains() == []


def test_a_store_that_cannot_be_asked_is_not_called_well(examine: Examine, s3_server: RunningServer) -> None:
    s3_server.faults.add("PutObject", status=403)

    assert examine(fields=MEETING).one("look").text.startswith("could not be tried")
