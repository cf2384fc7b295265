"""Calls side by side give their results and errors, and end when they are interrupted."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from s3portal.buckets.parallel import side_by_side

INTERRUPTED = Path(__file__).with_name("interrupted_calls.py")


def test_every_result_comes_once():
    assert sorted(side_by_side(lambda each: each * 2, range(500), 8)) == list(range(0, 1000, 2))
    assert list(side_by_side(lambda each: each, [])) == []


def test_what_a_call_raises_is_raised_and_no_other_begins():
    begun = []
    gate = threading.Event()

    def call(each: int) -> int:
        begun.append(each)
        if each == 3:
            gate.set()
            raise ValueError("three")
        gate.wait(10)
        return each

    with pytest.raises(ValueError, match="three"):
        list(side_by_side(call, range(1000), 8))
    assert len(begun) < 100


def test_ctrl_c_at_any_moment_ends_the_calls():
    ended = subprocess.run(
        [sys.executable, str(INTERRUPTED)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(number) for number in range(30)]
