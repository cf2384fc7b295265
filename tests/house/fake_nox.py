"""In the place of Nox under bin/test: it notes how it was called, and gives the reports that a test wrote."""

from collections.abc import Callable

#: Writes the report of its call, and says why a suite did not run where a test wrote that.
NOX = """
import pathlib, sys
folder = pathlib.Path({folder!r})
suite = sys.argv[sys.argv.index("--session") + 1]
calls = folder / "calls"
calls.mkdir(exist_ok=True)
number = len(list(calls.iterdir())) + 1
(calls / str(number)).write_text(" ".join(sys.argv[1:]))
report = folder / f"report-{{number}}.xml"
(folder / f"{{suite}}.xml").write_text(report.read_text())
reason = folder / f"reason-{{number}}"
if reason.exists():
    reason.rename(folder / f"{{suite}}.not-run")
sys.exit("<failure" in report.read_text() or "<error" in report.read_text())
"""

#: Runs bin/test on reports, in the order of its calls; gives its status, the calls and the lines it printed.
Run = Callable[..., tuple[int, list[str], list[str]]]


def report(*tests: str) -> str:
    """A JUnit report; a test with a minus sign failed."""
    case = '<testcase classname="tests.core" name="{}">{}</testcase>'
    cases = [case.format(name.lstrip("-"), "<failure/>" * name.startswith("-")) for name in tests]
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
