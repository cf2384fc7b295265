"""bin/test --second-try: what failed is run once more, and what passes then is named all the same."""

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

BIN_TEST = Path(__file__).resolve().parents[2] / "bin" / "test"

#: In the place of Nox: notes how it was called, and writes the report of that call.
NOX = """
import pathlib, sys
folder = pathlib.Path({folder!r})
calls = folder / "calls"
calls.mkdir(exist_ok=True)
number = len(list(calls.iterdir())) + 1
(calls / str(number)).write_text(" ".join(sys.argv[1:]))
report = folder / f"report-{{number}}.xml"
(folder / "core.xml").write_text(report.read_text())
sys.exit("<failure" in report.read_text() or "<error" in report.read_text())
"""

#: What pytest writes where a file cannot be imported: it runs no test at all.
NOT_COLLECTED = (
    '<testsuites><testsuite><testcase classname="" name="tests.core.test_one">'
    '<error message="collection failure"/></testcase></testsuite></testsuites>'
)

Run = Callable[..., tuple[int, list[str], str]]


def report(*tests: str) -> str:
    """A JUnit report; a test with a minus sign failed."""
    case = '<testcase classname="tests.core" name="{}">{}</testcase>'
    cases = [case.format(name.lstrip("-"), "<failure/>" * name.startswith("-")) for name in tests]
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


@pytest.fixture
def bin_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    # No compiled copy beside the script.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("bin_test", str(BIN_TEST))
    spec = importlib.util.spec_from_loader("bin_test", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bin_test", module)
    loader.exec_module(module)
    (tmp_path / "nox.py").write_text(NOX.format(folder=str(tmp_path)))
    monkeypatch.setattr(module, "nox_command", lambda: [sys.executable, str(tmp_path / "nox.py")])
    monkeypatch.setattr(module, "REPORTS", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path)
    return module


@pytest.fixture
def run(bin_test: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    def run_with(
        *reports: str, arguments: tuple[str, ...] = ("core", "--second-try")
    ) -> tuple[int, list[str], str]:
        for number, written in enumerate(reports, 1):
            (tmp_path / f"report-{number}.xml").write_text(written)
        status = bin_test.main(list(arguments))
        calls = sorted((tmp_path / "calls").iterdir())
        return status, [call.read_text() for call in calls], capfd.readouterr().out.splitlines()[-1]

    return run_with


def test_a_test_that_passes_then_is_named(run: Run) -> None:
    status, calls, closing = run(report("one", "-two", "three"), report("two"))

    assert status == 0
    assert calls == ["--session core", "--session core -- --last-failed"]
    assert closing == (
        "3 passed, 0 failed, 0 skipped; 1 of them ONLY AT THE SECOND TRY (core: tests.core.two)"
    )


def test_a_test_that_fails_again_has_failed(run: Run) -> None:
    status, _, closing = run(report("one", "-two", "-three"), report("-two", "three"))

    assert status == 1
    assert closing == "1 passed, 2 failed, 0 skipped"


def test_a_second_run_that_runs_nothing_proves_nothing(run: Run) -> None:
    assert run(report("-one"), report())[0] == 1


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
    _, calls, closing = run(first, arguments=arguments)

    assert len(calls) == 1
    assert "SECOND" not in closing


def test_what_was_said_to_pytest_is_said_again(run: Run) -> None:
    arguments = ("core", "--second-try", "--", "-k", "two")
    _, calls, _ = run(report("-two"), report("two"), arguments=arguments)

    assert calls[-1] == "--session core -- -k two --last-failed"
