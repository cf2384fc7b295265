"""What the tests of the shared doctor ask for, and what it found."""

from collections.abc import Callable

from s3portal.portal.doctor import Case
from s3portal.portal.findings import Finding

#: The origin that the bucket of the fixture lets in.
SITE_URL = "http://127.0.0.1:5000"


class Examined:
    """What the doctor found."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    @property
    def complaints(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.state != "ok"]

    @property
    def is_well(self) -> bool:
        return not self.complaints

    def states(self, subject: str) -> list[str]:
        return [finding.state for finding in self.findings if finding.subject == subject]

    def one(self, state: str) -> Finding:
        """The only finding in this state."""
        found = [finding for finding in self.findings if finding.state == state]
        assert len(found) == 1, self.complaints
        return found[0]


MakeCase = Callable[..., Case]
Examine = Callable[..., Examined]
