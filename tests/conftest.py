"""What every suite needs."""

import importlib.util
import signal
from pathlib import Path

import pytest
from slow_files import SLOW_FILES

# A shell that starts tests in the background makes all they start ignore Ctrl-C; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Not every suite's environment has it.
if importlib.util.find_spec("hypothesis"):
    from examples import LONG, examples
    from hypothesis import HealthCheck, settings

    # How long an example takes measures the machine, and a run that fails fails again with the same examples.
    settings.register_profile(
        "s3portal",
        deadline=None,
        derandomize=LONG is None,
        max_examples=examples(100),
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("s3portal")

TESTS = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark of the slow files."""
    config.addinivalue_line("markers", "slow: left out by bin/test quick and on further Pythons")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of slow files."""
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).as_posix() in SLOW_FILES:
            item.add_marker("slow")
