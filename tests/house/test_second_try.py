"""bin/test --second-try: what failed is run once more, and what passes then is named all the same."""

import pytest
from fake_nox import Run, report

SECOND_TRY = ("core", "--second-try")

#: What pytest writes where a file cannot be imported: it runs no test at all.
NOT_COLLECTED = (
    '<testsuites><testsuite><testcase classname="" name="tests.core.test_one">'
    '<error message="collection failure"/></testcase></testsuite></testsuites>'
)


def test_a_test_that_passes_then_is_named(run: Run) -> None:
    status, calls, printed = run(report("one", "-two", "three"), report("two"), arguments=SECOND_TRY)

    assert status == 0
    assert calls == ["--session core", "--session core -- --last-failed"]
    assert printed[-1] == (
        "3 passed, 0 failed, 0 skipped; 1 of them ONLY AT THE SECOND TRY (core: tests.core.two)"
    )


def test_a_test_that_fails_again_has_failed(run: Run) -> None:
    broken, mended = report("one", "-two", "-three"), report("-two", "three")
    status, _, printed = run(broken, mended, arguments=SECOND_TRY)

    assert status == 1
    assert printed[-1] == "1 passed, 2 failed, 0 skipped"


def test_a_second_run_that_runs_nothing_proves_nothing(run: Run) -> None:
    assert run(report("-one"), report(), arguments=SECOND_TRY)[0] == 1


@pytest.mark.parametrize(
    ("first", "arguments"),
    [
        (report("-one"), ("core",)),
        (report("one"), ("core", "--second-try")),
        (report(*(f"-{n}" for n in range(6))), ("core", "--second-try")),
        (NOT_COLLECTED, ("core", "--second-try")),
    ],
    ids=["not asked for", "nothing failed", "more than an accident", "a file that cannot be imported"],
)
def test_otherwise_there_is_one_run(first: str, arguments: tuple[str, ...], run: Run) -> None:
    _, calls, printed = run(first, arguments=arguments)

    assert len(calls) == 1
    assert "SECOND" not in printed[-1]


def test_what_was_said_to_pytest_is_said_again(run: Run) -> None:
    arguments = ("core", "--second-try", "--", "-k", "two")
    _, calls, _ = run(report("-two"), report("two"), arguments=arguments)

    assert calls[-1] == "--session core -- -k two --last-failed"
