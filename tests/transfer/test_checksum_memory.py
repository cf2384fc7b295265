"""What was found out about a store's checksums is remembered, shared by threads, and asked again in time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from checksum_steps import computes_crc

from s3portal.transfer import (
    Store,
    StoreUnavailable,
    open_store,
)
from s3portal.transfer.checksum_trial import checksum_algorithm
from s3portal.transfer.store_knowledge import ANSWER_LASTS, KnownAnswer, find_out

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


@pytest.fixture
def asked(scripted_store: Store) -> Store:
    """The scripted store, whose checksums are tried."""
    return open_store(replace(scripted_store.settings, checksum="auto"))


class Memory:
    """A portal's memory of one answer."""

    def __init__(self, kept: KnownAnswer | None = None) -> None:
        self.kept = kept

    def read(self, store: str, question: str) -> KnownAnswer | None:
        return self.kept

    def write(self, store: str, question: str, answer: KnownAnswer) -> None:
        self.kept = answer


def test_a_portal_s_memory_is_asked_before_the_store(scripted: "ScriptedStore", asked: Store) -> None:
    memory = Memory()
    computes_crc(scripted)
    checksum_algorithm(open_store(asked.settings, memory))

    assert checksum_algorithm(open_store(asked.settings, memory)) == "CRC64NVME"
    assert len(scripted.requests) == 3


def test_an_old_answer_is_better_than_none(scripted: "ScriptedStore", asked: Store) -> None:
    long_ago = datetime.now(timezone.utc) - 2 * ANSWER_LASTS
    memory = Memory(KnownAnswer("CRC64NVME", "the store computes CRC64NVME", long_ago))
    scripted.hang_up()

    assert checksum_algorithm(open_store(asked.settings, memory)) == "CRC64NVME"


def test_an_old_answer_is_asked_for_again(scripted: "ScriptedStore", asked: Store) -> None:
    long_ago = datetime.now(timezone.utc) - 2 * ANSWER_LASTS
    memory = Memory(KnownAnswer("MD5", "ETags of parts are MD5s", long_ago))
    computes_crc(scripted)

    assert checksum_algorithm(open_store(asked.settings, memory)) == "CRC64NVME"
    assert memory.kept is not None and memory.kept.value == "CRC64NVME"


def test_many_calls_at_once_ask_once_and_share_the_failure(scripted: "ScriptedStore", asked: Store) -> None:
    """Twenty creates against a store that does not answer: each must not wait for all those before it."""
    scripted.hang_up()
    together = threading.Barrier(20)

    def ask(_: int) -> str | None:
        together.wait()
        try:
            return checksum_algorithm(asked)
        except StoreUnavailable:
            return "unavailable"

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, range(20)))

    assert set(answers) == {"unavailable"}
    # Who came after the first question had failed asked again; who waited for it did not.
    assert len(scripted.requests) < 20 * 4 // 2


def test_a_thread_that_waits_too_long_continues_without(
    scripted: "ScriptedStore", asked: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3portal.transfer.store_knowledge.WAIT_S", 0.01)
    asking, go_on = threading.Event(), threading.Event()

    def ask() -> KnownAnswer:
        asking.set()
        assert go_on.wait(60)
        return KnownAnswer("yes", "it said so")

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(find_out, asked, "a question", ask)
        assert asking.wait(60)
        assert find_out(asked, "a question", ask) == (None, "")
        go_on.set()
        answer, _ = first.result(60)
    assert answer is not None and answer.value == "yes"
