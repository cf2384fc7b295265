"""Whatever happens, the doctor leaves the bucket as it was; what a killed one left, the next one removes."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from doctor_cases import SITE_URL, Examine, MakeCase

from s3portal.portal.doctor import Use, examine_store
from s3portal.portal.doctor.workspace import workspace
from s3portal.server.pytest_plugin import BUCKET, ROLE_ARN
from s3portal.server.testing import RunningServer

PREFIX = "s3portal/doctor/"


def test_ctrl_c_at_any_request_leaves_nothing(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch, remains: Callable[[], list[str]]
) -> None:
    # The doctor's requests and those of the AWS library go the same way.
    send = URLLib3Session.send
    sent: list[Any] = []
    stop: list[Callable[[Any], bool]] = []

    def interrupted(self: URLLib3Session, request: Any) -> Any:
        sent.append(request)
        if stop and stop[0](request):
            stop.clear()
            # Before or after the store had it.
            if len(sent) % 2:
                with suppress(BotoCoreError):
                    send(self, request)
            raise KeyboardInterrupt
        return send(self, request)

    def signed_by_the_browser(request: Any) -> bool:
        return request.method == "OPTIONS" and "X-Amz-Security-Token" in request.url

    monkeypatch.setattr(URLLib3Session, "send", interrupted)
    # All before the altered tokens, one of those, and the last request of all.
    numbers = [*range(1, 24), 60]
    for stop_at in [*(lambda _, n=n: len(sent) == n for n in numbers), signed_by_the_browser]:
        sent.clear()
        stop[:] = [stop_at]
        with pytest.raises(KeyboardInterrupt):
            list(examine_store(make_case(upload_mode="sts", s3_role=ROLE_ARN)))
        assert not [key for key in remains() if key.startswith(PREFIX)], len(sent)


def test_someone_who_stops_listening_leaves_nothing(
    make_case: MakeCase, remains: Callable[[], list[str]]
) -> None:
    for finding in (findings := examine_store(make_case())):
        if finding.subject == "upload":
            assert len(remains()) == 1
            break
    findings.close()

    assert remains() == []


@pytest.mark.parametrize("operation", ["CompleteMultipartUpload", "UploadPart", "ListParts", "HeadObject"])
def test_failures_leave_nothing(
    examine: Examine, s3_server: RunningServer, remains: Callable[[], list[str]], operation: str
) -> None:
    s3_server.faults.add(operation, status=403)

    examined = examine()

    assert "wrong" in {finding.state for finding in examined.findings}
    assert remains() == []


def test_a_lost_answer_leaves_nothing(
    examine: Examine, s3_server: RunningServer, remains: Callable[[], list[str]]
) -> None:
    s3_server.faults.add("CreateMultipartUpload", lose_answer=True, first=3)
    s3_server.faults.add("PutObject", lose_answer=True, first=2)

    examine(s3_role=ROLE_ARN)

    assert not [key for key in remains() if key.startswith(PREFIX)]


def test_what_earlier_runs_left_is_removed(
    examine: Examine, make_case: MakeCase, remains: Callable[[], list[str]]
) -> None:
    client = make_case().store.client()
    # A process that is gone, and something of another time.
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with workspace(make_case().store) as space:
        of_the_dead = space.prefix.replace(f"_{os.getpid()}_", f"_{gone.pid}_")
    client.put_object(Bucket=BUCKET, Key=f"{of_the_dead}trial.bin", Body=b"x")
    client.create_multipart_upload(Bucket=BUCKET, Key=f"{PREFIX}of-another-time/trial.bin")
    client.put_object(Bucket=BUCKET, Key="s3portal/doctors-notes.txt", Body=b"not the doctor's")

    examined = examine()

    assert examined.is_well
    assert "2 objects left by an earlier run have been removed" in [
        finding.text for finding in examined.findings
    ]
    assert remains() == ["s3portal/doctors-notes.txt"]


def test_a_run_that_is_going_on_is_left_alone(
    examine: Examine, make_case: MakeCase, remains: Callable[[], list[str]]
) -> None:
    client = make_case().store.client()
    with workspace(make_case().store) as space:
        # Of init, which runs as long as anything does; and of another computer, just now.
        of_the_living = space.prefix.replace(f"_{os.getpid()}_", "_1_")
        computer = space.run.partition("_")[0]
        elsewhere = space.prefix.replace(f"{PREFIX}{computer}_", f"{PREFIX}elsewhere_")
    keys = sorted(f"{prefix}trial.bin" for prefix in (of_the_living, elsewhere))
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    assert examine().is_well
    assert sorted(remains()) == keys


def test_what_cannot_be_removed_is_told_with_its_key(examine: Examine, s3_server: RunningServer) -> None:
    s3_server.faults.add("DeleteObject", status=403)

    finding = examine().one("wrong")

    assert finding.subject == "removing"
    assert PREFIX in finding.text
    assert "s3:DeleteObject" in finding.mend


def test_what_the_store_refused_to_write_is_not_left_behind(
    examine: Examine, s3_server: RunningServer
) -> None:
    s3_server.faults.add("PutObject", status=403, code="AccessDenied")
    s3_server.faults.add("DeleteObject", status=403, code="AccessDenied")

    finding = examine(fields={"browser_uploads": Use.OFF}).one("wrong")

    assert (finding.subject, "lack s3:PutObject" in finding.text) == ("upload", True)


def test_the_prefix_of_the_portal_holds_the_doctors_corner_too(make_case: MakeCase) -> None:
    with workspace(make_case(s3_prefix="data/ckan", site_url=SITE_URL).store) as space:
        assert space.key("x").startswith("data/ckan/s3portal/doctor/")
