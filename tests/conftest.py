"""What every suite needs."""

import importlib.util
import signal

import pytest

# A shell that starts tests in the background makes all they start ignore Ctrl-C; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Not every suite's environment has it.
if importlib.util.find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # How long an example takes measures the machine, and a run that fails fails again with the same examples.
    settings.register_profile(
        "s3portal", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("s3portal")

#: Files of the core suite that take long (kills, full disks, crowds, whole doctors). `bin/test quick` leaves
#: them out with `-m "not slow"`.
SLOW_FILES = frozenset(
    {
        "test_crash",
        "test_doctor_applies",
        "test_doctor_causes",
        "test_doctor_cleans_up",
        "test_doctor_sessions",
        "test_doctor_well",
        "test_every_byte",
        "test_failing_storage",
        "test_full_disk",
        "test_memory",
        "test_object_copy",
        "test_patience",
        "test_publishing",
        "test_publishing_resumed",
        "test_publishing_urls",
        "test_round_trip",
        "test_session_denials",
        "test_written_objects",
    }
)


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark that the files above get."""
    config.addinivalue_line("markers", "slow: left out by bin/test quick and on further Pythons")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of slow files."""
    for item in items:
        if item.path.stem in SLOW_FILES:
            item.add_marker("slow")
