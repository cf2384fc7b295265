"""bin/test: the quick run, suites that did not run, and the Pythons of this machine."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from fake_nox import Run, report
from slow_files import SLOW_FILES

from s3portal.demo import interpreter

CHECKOUT = Path(__file__).resolve().parents[2]
NONE_FITS = "its portal needs Python 3.10 to 3.11, and none of them was found"


def test_quick_leaves_out_what_is_slow(run: Run) -> None:
    status, calls, printed = run(report("one"), report("two"), report(), arguments=("quick", "--jobs", "1"))

    assert status == 0
    assert calls == ["--session core -- -m not slow", "--session js", "--session lint"]
    assert printed[-1] == "2 passed, 0 failed, 0 skipped"


def test_quick_passes_arguments_on(run: Run) -> None:
    arguments = ("quick", "--jobs", "1", "--", "-k", "keys")
    _, calls, _ = run(report("one"), report(), report(), arguments=arguments)

    assert calls[0] == "--session core -- -k keys -m not slow"


def test_quick_is_no_suite_among_others(run: Run) -> None:
    with pytest.raises(SystemExit):
        run(arguments=("quick", "dtool"))


def test_a_suite_that_did_not_run_is_named_and_has_not_failed(run: Run) -> None:
    status, _, printed = run(report(), arguments=("ckan-2.10",), reason=NONE_FITS)

    assert status == 0
    assert printed[-2:] == [
        f"THE SUITE ckan-2.10 DID NOT RUN: {NONE_FITS}",
        "0 passed, 0 failed, 0 skipped",
    ]


def test_what_a_suite_said_last_time_is_forgotten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "core.not-run").write_text(NONE_FITS)
    _, _, printed = run(report("one"), arguments=("core",))

    assert not any("DID NOT RUN" in line for line in printed)


def test_the_oldest_and_the_newest_python_have_a_suite_each(bin_test: ModuleType) -> None:
    tools = sys.modules["tools"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tools, "pythons_here", lambda: dict.fromkeys([(3, 14), (3, 13), (3, 12), (3, 10)], "python")
        )
        patch.setattr(tools, "own_version", lambda _: (3, 12))
        assert tools.suites_of_pythons() == (["core-3.10", "core-3.14"], ["core-3.13"])
        patch.setattr(tools, "own_version", lambda _: (3, 14))
        assert tools.suites_of_pythons() == (["core-3.10"], ["core-3.13", "core-3.12"])


def environment(folder: Path, version: str, python: str) -> Path:
    """A virtual environment as far as bin/test looks at it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(python)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\nversion = {version}\n")
    return folder


def test_environments_of_a_python_that_was_replaced_are_removed(
    bin_test: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tools = sys.modules["tools"]
    here = ".".join(map(str, sys.version_info[:3]))
    kept = environment(tmp_path / "kept", here, sys._base_executable)
    replaced = environment(tmp_path / "replaced", "3.9.1", sys._base_executable)
    gone = environment(tmp_path / "gone", here, "/nowhere/python")
    monkeypatch.setattr(tools, "ENVIRONMENTS", tmp_path)

    tools.remove_broken_environments()

    assert (kept.exists(), replaced.exists(), gone.exists()) == (True, False, False)


def test_files_called_slow_are_there() -> None:
    assert [name for name in SLOW_FILES if not (CHECKOUT / "tests" / name).is_file()] == []


def test_what_is_called_slow_is_marked(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        is_called_slow = item.path.relative_to(CHECKOUT / "tests").as_posix() in SLOW_FILES
        assert (item.get_closest_marker("slow") is not None) == is_called_slow


def test_the_running_python_comes_first() -> None:
    assert interpreter.find_python() == sys.executable
    assert interpreter.pythons_here()[sys.version_info[:2]] == sys.executable


def test_a_python_that_a_version_manager_keeps_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "versions" / "3.99.1" / "bin" / "python3.99"
    kept.parent.mkdir(parents=True)
    kept.write_text("#!/bin/sh\necho 3 99\n")
    kept.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(interpreter, "SUPPORTED", ((3, 99),))

    assert interpreter.pythons_here() == {(3, 99): str(kept)}
    assert interpreter.find_python() == str(kept)


def test_without_a_python_the_message_says_which_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "SUPPORTED", ((3, 99), (3, 98)))
    with pytest.raises(SystemExit, match=r"needs Python 3\.98 to 3\.99; this is"):
        interpreter.find_python()


def test_a_shim_of_a_version_that_is_not_installed_is_passed_over(tmp_path: Path) -> None:
    shim = tmp_path / "python3.98"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert interpreter.version_of(str(shim)) is None
    assert interpreter.version_of(str(tmp_path / "missing")) is None
