"""The findings of a doctor, as people read them."""

import pytest

from s3portal.portal.doctor.causes import Told
from s3portal.portal.findings import LOOK, OK, WRONG, Finding, report

FINE = Finding("store", "clock", OK, "agrees")
ODD = Finding("store", "lifecycle", LOOK, "no rule", "add one")
BAD = Finding("store", "upload", WRONG, "refused")


@pytest.mark.parametrize(
    ("findings", "closing", "exit_code"),
    [
        ([FINE], "All is well.", 0),
        ([FINE, ODD], "1 thing to look at.", 0),
        ([FINE, ODD, BAD], "2 things to look at.", 1),
    ],
)
def test_the_last_line_counts_what_is_not_well(
    findings: list[Finding], closing: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        report(findings, as_json=False)

    assert ended.value.code == exit_code
    assert capsys.readouterr().out.splitlines()[-1].strip() == closing


@pytest.mark.parametrize(
    ("code", "shown"), [("AccessDenied", "403 AccessDenied Forbidden"), ("403", "403 Forbidden")]
)
def test_an_answer_to_head_shows_its_status_once(code: str, shown: str) -> None:
    assert Told(status=403, code=code, message="Forbidden").shown == shown
