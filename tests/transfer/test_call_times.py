"""An observer hears how long the store took for each call, and whether it answered."""

from dataclasses import replace

import pytest
from scripted_store import ScriptedStore

from s3portal.transfer import Store, look_at
from s3portal.transfer.errors import TransferError


@pytest.fixture
def heard() -> list[tuple[str, float, bool]]:
    """What the observer heard so far."""
    return []


@pytest.fixture
def observed(scripted_store: Store, heard: list[tuple[str, float, bool]]) -> Store:
    """The scripted store, with an observer."""
    return replace(scripted_store, observer=lambda *told: heard.append(told))


@pytest.mark.parametrize(
    ("statuses", "answers"), [([404], True), ([403], True), ([500], False), ([500, 404], True)]
)
def test_a_refusal_is_an_answer_and_a_call_is_one_with_all_its_retries(
    observed: Store,
    scripted: ScriptedStore,
    heard: list[tuple[str, float, bool]],
    statuses: list[int],
    answers: bool,
) -> None:
    for status in statuses:
        scripted.answer(status=status)

    with pytest.raises(TransferError):
        look_at(observed, "key")

    [(operation, seconds, answered)] = heard
    assert (operation, answered) == ("HeadObject", answers)
    assert seconds > 0
    assert len(scripted.requests) >= len(statuses)


def test_a_store_that_hangs_up_did_not_answer(
    observed: Store, scripted: ScriptedStore, heard: list[tuple[str, float, bool]]
) -> None:
    scripted.hang_up()

    with pytest.raises(TransferError):
        look_at(observed, "key")

    assert [(operation, answered) for operation, _, answered in heard] == [("HeadObject", False)]


def test_every_bucket_behind_the_endpoint_is_observed(
    observed: Store, scripted: ScriptedStore, heard: list[tuple[str, float, bool]]
) -> None:
    scripted.answer(status=404)

    with pytest.raises(TransferError):
        look_at(observed.beside("another-bucket"), "key")

    assert len(heard) == 1
