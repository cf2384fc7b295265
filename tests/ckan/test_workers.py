"""Portal processes hold no state: any worker serves any call, and many at once."""

import itertools
import os
from collections.abc import Iterator

import pytest
import requests
from callers import MIB, Caller
from forked_workers import Worker, workers

from ckanext.s3multipart.model import downloads

FOUR = 4
CONTENT = os.urandom(11 * MIB + 3)


@pytest.fixture
def four(publisher: Caller) -> Iterator[list[Worker]]:
    """Four workers, in which the publisher calls."""
    with workers(FOUR, publisher) as started:
        yield started


@pytest.mark.smoke
def test_four_workers_serve_one_upload_in_turns(
    publisher: Caller, anonymous: Caller, four: list[Worker]
) -> None:
    assert len({worker.pid for worker in four}) == FOUR
    turn = itertools.cycle(four)

    created = next(turn).do("create", size=len(CONTENT)).result
    upload = created["upload"]
    for part_number in range(1, upload["part_count"] + 1):
        [part] = next(turn).do(
            "do", "s3multipart_upload_sign_parts", id=upload["id"], part_numbers=[part_number]
        )
        begin = (part_number - 1) * upload["part_size"]
        body = CONTENT[begin : begin + upload["part_size"]]
        assert requests.put(part["url"], data=body, headers=part["headers"], timeout=120).status_code == 200
        shown = next(turn).do("do", "s3multipart_upload_show", id=upload["id"])
        assert shown["stored_bytes"] == begin + len(body)
    completed = next(turn).do("do", "s3multipart_upload_complete", id=upload["id"])
    assert next(turn).do("do", "s3multipart_upload_complete", id=upload["id"]) == completed
    resource = next(turn).do("attach", completed)

    for worker in four:
        assert worker.do("do", "resource_show", id=resource["id"])["size"] == len(CONTENT)
    assert anonymous.follow(resource["url"]).content == CONTENT


def test_one_create_in_four_workers_at_once_makes_one_upload(publisher: Caller, four: list[Worker]) -> None:
    for worker in four:
        worker.begin("create", size=3, idempotency_key="the same")

    answers = [worker.result() for worker in four]

    made = {answer.result["upload"]["id"] for answer in answers if answer.status == 200}
    assert len(made) == 1
    assert {answer.status for answer in answers} <= {200, 409, 503}
    assert len(publisher.do("s3multipart_upload_list", owner=publisher.dataset)) == 1


def test_one_upload_is_attached_by_one_of_four_workers(publisher: Caller, four: list[Worker]) -> None:
    upload = publisher.upload()
    asked = {"package_id": publisher.dataset, "s3multipart_upload_id": upload["id"]}
    for worker in four:
        worker.begin("call", "resource_create", **asked)

    statuses = sorted(worker.result().status for worker in four)

    assert statuses == [200, 409, 409, 409]
    assert len(publisher.do("package_show", id=publisher.dataset)["resources"]) == 1


def test_downloads_in_four_workers_are_all_counted(publisher: Caller, four: list[Worker]) -> None:
    resource = publisher.publish(b"1,2")
    before = downloads(resource["id"])
    for number, worker in enumerate(four):
        # As many people, since a repeat within 30 seconds is the same download.
        worker.begin("get", resource["url"], headers={"User-Agent": f"Mozilla/5.0 Firefox/{100 + number}"})
    for worker in four:
        assert worker.result() == 302

    assert downloads(resource["id"]) == before + FOUR
