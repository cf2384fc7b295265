"""What an upload or a download meets in another extension: its refusal, or its mistake."""

from dataclasses import dataclass

from s3portal.transfer import TransferError


@dataclass(kw_only=True, eq=False, repr=False)
class RefusedByExtension(TransferError):
    """Another extension does not accept the file. ``sentence`` is its own."""

    code = "refused_by_extension"
    http_status = 422
    template = "%(sentence)s"

    sentence: str
    plugin: str


@dataclass(kw_only=True, eq=False, repr=False)
class DownloadRefused(RefusedByExtension):
    """Another extension does not give the file to this reader."""

    code = "download_refused"
    http_status = 403


@dataclass(kw_only=True, eq=False, repr=False)
class ExtensionFailed(TransferError):
    """Another extension raised what no extension should. What it raised is in the log and in the cause."""

    code = "extension_failed"
    http_status = 500
    template = (
        "The extension %(plugin)s of this portal failed. Nothing that was uploaded is lost: tell the"
        " administrator, then try again."
    )

    plugin: str
