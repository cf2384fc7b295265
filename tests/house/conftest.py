"""bin/test as a module, with Nox replaced by a program that does what a test says."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from fake_nox import NOX, Run

BIN_TEST = Path(__file__).resolve().parents[2] / "bin" / "test"


@pytest.fixture
def bin_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module, its reports in an empty folder."""
    # No compiled copy beside the script.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", sys.path[:])
    loader = SourceFileLoader("bin_test", str(BIN_TEST))
    spec = importlib.util.spec_from_loader("bin_test", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bin_test", module)
    loader.exec_module(module)
    (tmp_path / "nox.py").write_text(NOX.format(folder=str(tmp_path)))
    monkeypatch.setattr(module, "nox_command", lambda: [sys.executable, str(tmp_path / "nox.py")])
    # Asking each Python of the machine takes time.
    monkeypatch.setattr(module, "suites_of_pythons", lambda: (["core-3.10"], []))
    monkeypatch.setattr(module, "REPORTS", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path)
    return module


@pytest.fixture
def run(bin_test: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs bin/test on the reports given."""

    def run_with(
        *reports: str, arguments: tuple[str, ...], reason: str = ""
    ) -> tuple[int, list[str], list[str]]:
        for number, written in enumerate(reports, 1):
            (tmp_path / f"report-{number}.xml").write_text(written)
        if reason:
            (tmp_path / "reason-1").write_text(reason)
        status = bin_test.main(list(arguments))
        calls = sorted((tmp_path / "calls").iterdir(), key=lambda call: int(call.name))
        return status, [call.read_text() for call in calls], capfd.readouterr().out.splitlines()

    return run_with
