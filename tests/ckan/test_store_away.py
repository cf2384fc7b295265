"""A store that hangs or is away: a few calls wait, the others are refused at once, and the portal answers."""

import threading

from callers import Answer, Caller
from kept_uploads import states
from lease_steps import rows_of
from waiting import wait_until

from ckanext.s3multipart.upload_states import RowState
from s3portal.server.testing import RunningServer
from s3portal.transfer import CALL, COMPLETE


class TestStoreThatHangs:
    def test_few_calls_wait_and_the_portal_answers(self, publisher: Caller, s3_server: RunningServer) -> None:
        """Twice as many calls as the database has connections for."""
        publisher.create()
        hold = s3_server.faults.hold("CreateMultipartUpload")
        answers: list[Answer] = []
        calls = [
            threading.Thread(target=lambda: answers.append(publisher.create(filename="held.csv")))
            for _ in range(30)
        ]
        for call in calls:
            call.start()

        wait_until(lambda: len(answers) >= len(calls) - CALL.places, "all but a few are refused")
        assert publisher.call("status_show").status == 200
        assert publisher.call("package_show", id=publisher.dataset).status == 200
        refused = list(answers)

        hold.release()
        for call in calls:
            call.join()
        assert {answer.status for answer in refused} == {503}
        assert {answer.status for answer in answers} <= {200, 503}
        # Nothing is left of those that were refused.
        let_in = [answer for answer in answers if answer.status == 200]
        assert len(rows_of(publisher)) == 1 + len(let_in)

    def test_completes_of_one_user_leave_places_to_others(
        self, publisher: Caller, another_publisher: Caller, s3_server: RunningServer
    ) -> None:
        uploads = [publisher.begin(filename=f"{number}.csv") for number in range(6)]
        other = another_publisher.begin()
        hold = s3_server.faults.hold("CompleteMultipartUpload")
        answers: list[Answer] = []

        def complete(caller: Caller, upload: dict) -> None:
            answers.append(caller.call("s3multipart_upload_complete", id=upload["id"]))

        calls = [threading.Thread(target=complete, args=(publisher, upload)) for upload in uploads]
        for call in calls:
            call.start()
        wait_until(lambda: len(answers) == 6 - COMPLETE.places_for_a_user, "two of one user are let in")
        assert {answer.error["code"] for answer in answers} == {"store_busy"}
        calls.append(threading.Thread(target=complete, args=(another_publisher, other)))
        calls[-1].start()
        wait_until(lambda: states(another_publisher) == [RowState.COMPLETING], "the other one is let in")
        hold.release()
        for call in calls:
            call.join()

        assert [answer.status for answer in answers].count(200) == COMPLETE.places_for_a_user + 1
        for upload in uploads:
            assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == RowState.COMPLETED


class TestStoreThatIsAway:
    def test_calls_are_refused_at_once_with_the_time_to_come_again(
        self, publisher: Caller, s3_server: RunningServer
    ) -> None:
        s3_server.faults.add("CreateMultipartUpload", status=503)
        for _ in range(3):
            assert publisher.create().error["code"] == "store_unavailable"

        response = publisher.client().post(
            "/api/3/action/s3multipart_upload_create",
            json={"owner": publisher.dataset, "filename": "a.csv", "size": 3},
            headers=publisher.headers,
        )

        assert response.status_code == 503
        assert response.get_json()["error"]["code"] == "store_busy"
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert publisher.call("package_show", id=publisher.dataset).status == 200
        assert states(publisher) == []

    def test_a_complete_that_the_store_does_not_answer_can_be_repeated(
        self, publisher: Caller, s3_server: RunningServer
    ) -> None:
        upload = publisher.begin()
        s3_server.faults.add("CompleteMultipartUpload", status=503, first=4)

        assert publisher.call("s3multipart_upload_complete", id=upload["id"]).status == 503
        assert states(publisher) == [RowState.UPLOADING]

        assert publisher.do("s3multipart_upload_complete", id=upload["id"])["state"] == RowState.COMPLETED
