"""What can go wrong with an upload, in the words that the command prints."""

from __future__ import annotations

from collections.abc import Mapping


class UploadFailed(Exception):
    """An upload that did not become a published file. ``code`` is stable, for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PortalError(UploadFailed):
    """The portal refused a call (``status``, and the facts of its refusal) or did not answer (status 0)."""

    def __init__(
        self, code: str, message: str, *, status: int = 0, facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.facts = dict(facts or {})


class SendingFailed(UploadFailed):
    """A part could not be stored; the message says which and why. Parts that were stored before stay."""


class FileUnreadable(UploadFailed):
    """The file on this machine cannot be read."""

    def __init__(self, message: str) -> None:
        super().__init__("file_unreadable", message)


class FileChanged(UploadFailed):
    """The file is not what it was when the upload began, so its parts would not fit together."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "file_changed",
            f"{name} changed while it was uploaded. Upload it again once nothing writes to it.",
        )


class WrongFile(UploadFailed):
    """There is an unfinished upload of this name, of another file. ``reason`` is size, modified or
    content."""

    def __init__(self, name: str, reason: str, message: str) -> None:
        super().__init__(
            "wrong_file",
            f"An unfinished upload of {name} was started with a different file: {message}. Use that file to"
            " resume it, or add --restart to give it up and start over.",
        )
        self.reason = reason
