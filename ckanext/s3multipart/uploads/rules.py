"""What may be uploaded: size and type. Pure; the quota is in quota.py."""

import fnmatch
import mimetypes
from pathlib import PurePosixPath

from ckanext.s3multipart.settings import PREFIX, PortalSettings
from s3portal.transfer import FileTooLarge, TransferSettings, TypeNotAllowed, safe_filename

#: What says nothing about a file's type; browsers send it, or nothing, for types they do not know.
UNKNOWN_TYPE = "application/octet-stream"


def check_size(settings: TransferSettings, size_bytes: int) -> None:
    """Raises FileTooLarge with the limit and the setting's name."""
    limit_bytes, name = settings.size_limit
    if size_bytes > limit_bytes:
        raise FileTooLarge(limit=limit_bytes, given=size_bytes, setting=PREFIX + name)


def check_type(settings: PortalSettings, filename: str, content_type: str) -> None:
    """Raises TypeNotAllowed where neither the name's extension nor the content type is among the allowed, or
    either is among the denied. A client says what content type it likes, so this keeps mistakes out and no
    attacker."""
    names = _type_names(filename, content_type)
    given = names[0] if names else UNKNOWN_TYPE
    allowed = " ".join(settings.allowed_types)
    if settings.allowed_types and not _any_match(names, settings.allowed_types):
        raise TypeNotAllowed(given=given, allowed=allowed, setting=f"{PREFIX}allowed_types")
    if _any_match(names, settings.denied_types):
        denied = ", ".join(settings.denied_types)
        raise TypeNotAllowed(
            given=given, allowed=allowed or f"everything except {denied}", setting=f"{PREFIX}denied_types"
        )


def content_type_of(filename: str, content_type: str) -> str:
    """The content type that the client said, or else the one that the file's name suggests, or else ""."""
    if content_type and content_type != UNKNOWN_TYPE:
        return content_type
    return mimetypes.guess_type(safe_filename(filename))[0] or content_type


def _type_names(filename: str, content_type: str) -> list[str]:
    """How a list of types may call this file: by its extension, by its content type."""
    extension = PurePosixPath(safe_filename(filename).lower()).suffix.removeprefix(".")
    media_type = content_type_of(filename, content_type).partition(";")[0].strip().lower()
    return [name for name in (extension, media_type) if name]


def _any_match(names: list[str], patterns: tuple[str, ...]) -> bool:
    cleaned = [pattern.lower().removeprefix(".") for pattern in patterns]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in cleaned)
