"""How the links of files read: the name that a link of the API ends in, and the addresses that people
keep."""

import re

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.lib.munge import munge_filename

from s3portal.transfer import NAMELESS, safe_filename

_ENDING = re.compile(r"(?:\.[a-z0-9]{1,20}){1,2}$")
_NAME_AFTER_DOWNLOAD = re.compile(r"(/resource/[^/?#]+/download)/[^/?#]*$")


def link_name(filename: str) -> str:
    """What a resource has as its ``url``, from which CKAN makes the end of the link.

    CKAN keeps the Latin letters of it alone: a name that has none, as in ``Реки.csv``, would leave ``.csv``,
    which is a hidden file where it is saved, or ``-2024.csv``, which programs take for an option. Such a name
    becomes what is left of it, or ``file``; all others stay as they are.
    """
    name = safe_filename(filename)
    munged = munge_filename(name)
    ending = match[0] if (match := _ENDING.search(munged)) else ""
    stem = munged.removesuffix(ending).lstrip("-.")
    if not stem.strip("-_."):
        stem = NAMELESS
    readable = (stem + ending).rstrip(".")
    return name if readable == munged else readable


def persistent_link(url: str) -> str:
    """The address of a file as people keep it: for readers of every language, and without the file's name,
    which changes when the file is replaced. The address of anything else stays as it is."""
    of_the_page = tk.url_for("home.index", qualified=True)
    of_everybody = tk.url_for("home.index", qualified=True, locale="default")
    if not url.startswith((of_the_page, of_everybody)):
        return url
    if url.startswith(of_the_page):
        url = of_everybody + url.removeprefix(of_the_page)
    return _NAME_AFTER_DOWNLOAD.sub(r"\1", url)


def version_link(resource: model.Resource, version_id: str) -> str:
    """The address of one version of a resource's file, which stays that version's."""
    package = resource.package
    return str(
        tk.url_for(
            "s3multipart_download.download",
            package_type=package.type or "dataset",
            id=package.id,
            resource_id=resource.id,
            version=version_id,
            qualified=True,
            locale="default",
        )
    )
