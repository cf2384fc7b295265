"""Settings that cannot be used, all of them at once."""

from dataclasses import dataclass, field

from s3portal.transfer.transfer_error import Fact, TransferError


@dataclass(frozen=True)
class SettingProblem:
    """One setting that cannot be used: its full name, what is wrong with it and how to fix it, and what was
    given (None for a secret and for a value that is missing)."""

    setting: str
    problem: str
    given: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.setting} {self.problem}"
            if self.given is None
            else f"{self.setting} = {self.given} {self.problem}"
        )


@dataclass(kw_only=True, eq=False, repr=False)
class SettingsError(TransferError):
    """Settings that cannot be used. Lists all of them, so that the administrator can fix them all at once."""

    code = "settings_invalid"
    http_status = 500
    template = "The settings cannot be used:\n%(problems)s"

    problems: tuple[SettingProblem, ...] = field(kw_only=False)

    @property
    def facts(self) -> dict[str, Fact]:
        """The problems, a line each."""
        return {"problems": "\n".join(f"  {problem}" for problem in self.problems)}
