"""What a portal refuses besides what the transfers do."""

from dataclasses import dataclass

from s3portal.transfer import CredentialsNotConfigured, Fact, TransferError


class NoSessionCredentials(CredentialsNotConfigured):
    """The portal issues none, whatever its settings."""

    template = "This portal does not issue session credentials."

    @property
    def facts(self) -> dict[str, Fact]:
        """No setting would change it."""
        return {}


class NotAnAdministrator(TransferError):
    """The caller asked for what only administrators of the owner may see or do."""

    code = "not_an_administrator"
    http_status = 403
    template = "Only administrators may do this."


@dataclass(kw_only=True, eq=False, repr=False)
class CannotTakeOver(TransferError):
    """An upload was to be handed over to someone who may not upload to its owner."""

    code = "cannot_take_over"
    http_status = 409
    template = "%(user)s may not upload here, so the upload stays with its owner."

    user: str
