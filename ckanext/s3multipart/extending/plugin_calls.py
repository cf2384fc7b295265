"""Asking and telling other extensions: each method of `IS3Multipart` in the order of ``ckan.plugins``.

What a plugin raises to refuse becomes a `RefusedByExtension`; anything else is logged with the plugin's name
and becomes an `ExtensionFailed`, after the session's transaction was given up: a mistake in an extension
neither loses nor publishes anything.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ckan.plugins as p
import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.download_settings import PUBLIC_FOLDER
from ckanext.s3multipart.extending.errors import DownloadRefused, ExtensionFailed, RefusedByExtension
from ckanext.s3multipart.interfaces import (
    Download,
    IS3Multipart,
    Refused,
    UploadedFile,
    WantedUpload,
)
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import TransferError

log = logging.getLogger(__name__)

# Two segments at most: what session credentials can write is three deep (session_prefixes.py).
_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,99}"
_FOLDER = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})?")


@dataclass(frozen=True)
class Implementation:
    """A plugin that has a method of its own, by its name in ``ckan.plugins``."""

    plugin: str
    method: Callable[[Any], Any]


def implementations(method: str) -> list[Implementation]:
    """The plugins that implement this method, and do not only inherit it."""
    found = []
    for plugin in p.PluginImplementations(IS3Multipart):
        own = getattr(type(plugin), method, None)
        if own is not None and own is not getattr(IS3Multipart, method):
            found.append(Implementation(_name(plugin), getattr(plugin, method)))
    return found


def before_create(wanted: WantedUpload) -> None:
    """Raises RefusedByExtension, ExtensionFailed."""
    for each in implementations("before_create"):
        _called(each, wanted)


def key_owner(wanted: WantedUpload) -> str | None:
    """The folder that a plugin wants for the key, None for the usual one. Raises ExtensionFailed."""
    for each in implementations("key_owner"):
        folder = _called(each, wanted)
        if folder is None:
            continue
        if not isinstance(folder, str) or not _FOLDER.fullmatch(folder):
            log.error(
                "The plugin %s wants a key in %r; a folder is one or two names of letters, digits, dots, _"
                " and -, with / between them",
                each.plugin,
                folder,
            )
            raise ExtensionFailed(plugin=each.plugin)
        if folder.split("/")[0] == PUBLIC_FOLDER:
            log.error(
                "The plugin %s wants a key in %r, where the bucket may let everybody read",
                each.plugin,
                folder,
            )
            raise ExtensionFailed(plugin=each.plugin)
        return folder
    return None


def after_complete(file: UploadedFile) -> None:
    """Raises RefusedByExtension, ExtensionFailed."""
    for each in implementations("after_complete"):
        _called(each, file)


def before_download(download: Download) -> Download:
    """The download as plugins leave it. Raises DownloadRefused, ExtensionFailed."""
    for each in implementations("before_download"):
        try:
            answer = _called(each, download)
        except RefusedByExtension as refusal:
            raise DownloadRefused(sentence=refusal.sentence, plugin=refusal.plugin) from refusal
        if answer is None:
            continue
        if not isinstance(answer, Download):
            log.error("The plugin %s answered %r to before_download", each.plugin, answer)
            raise ExtensionFailed(plugin=each.plugin)
        download = answer
    return download


def tell(method: str, plugin: str, file: UploadedFile) -> None:
    """Calls ``after_attach`` or ``after_remove`` of one plugin; one that is not loaded any more is not
    called. Raises ExtensionFailed, also for a refusal: what is told has happened."""
    for each in implementations(method):
        if each.plugin == plugin:
            try:
                _called(each, file)
            except RefusedByExtension as refusal:
                log.error("The plugin %s refuses in %s what has happened: %s", plugin, method, refusal)
                raise ExtensionFailed(plugin=plugin) from refusal


def _called(implementation: Implementation, argument: Any) -> Any:
    try:
        return implementation.method(argument)
    except Exception as error:
        # The plugin may have left the transaction half done, or broken.
        model.Session.rollback()
        if (said := _refusal(error)) is not None:
            raise RefusedByExtension(sentence=said, plugin=implementation.plugin) from error
        log.exception(
            "The plugin %s failed in %s",
            implementation.plugin,
            getattr(implementation.method, "__name__", ""),
        )
        raise ExtensionFailed(plugin=implementation.plugin) from error


def _refusal(error: Exception) -> str | None:
    """The sentence of an exception that refuses, None for a mistake. CKAN's own two are understood, too."""
    if isinstance(error, Refused):
        return error.sentence
    if isinstance(error, TransferError):
        return sentence(error)
    if isinstance(error, tk.NotAuthorized):
        return str(error) or tk._("Access denied")
    if isinstance(error, tk.ValidationError):
        said = [text for texts in error.error_dict.values() for text in _texts(texts)]
        return " ".join(said) or str(error)
    return None


def _texts(given: object) -> list[str]:
    return [str(each) for each in given] if isinstance(given, list) else [str(given)]


def _name(plugin: Any) -> str:
    return str(getattr(plugin, "name", "") or type(plugin).__name__)
