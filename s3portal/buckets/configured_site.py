"""The portal that a configuration file belongs to, as far as the doctor of its bucket has to know it."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s3portal.buckets.configuration_files import CKAN_PREFIX, INDICO_OPTIONS, assigned, ini_section
from s3portal.buckets.problems import Unusable
from s3portal.transfer import BOOLEAN, TransferSettings, declared_settings

#: The role is for publishers, and says nothing of the bucket.
_NOT_OF_THE_BUCKET = frozenset({"s3_role", "upload_mode"})
# ckanext/s3multipart/download_settings.py
_UNDER_THE_PORTAL = ("nginx", "proxy")
_PUBLIC = "public"


@dataclass(frozen=True)
class ConfiguredSite:
    """``url`` is where browsers find the portal; ``settings`` are its transfer settings, by names
    with ``setting_prefix`` before them.

    ``setting_names`` is what the file calls transfer settings whose names do not only have the prefix.
    ``pages_upload``: its pages send parts to the store; else it is not known here whether they do.
    ``other_sites_read`` and ``serves_public_files`` are those of `s3portal.portal.doctor.Case`.
    """

    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    setting_prefix: str = ""
    setting_names: Mapping[str, str] = field(default_factory=dict)
    pages_upload: bool = False
    other_sites_read: bool = False
    serves_public_files: bool = False


def read_site(path: Path) -> ConfiguredSite | None:
    """The portal of a CKAN's .ini or an indico.conf; None where the file names none. Raises Unusable."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"--config {path}: cannot be read: {error}") from error
    if re.search(r"^\s*\[app:", text, re.MULTILINE):
        return _of_ckan(path, text)
    if re.search(r"^\s*BASE_URL\b", text, re.MULTILINE):
        return _of_indico(path, text)
    return None


def _of_ckan(path: Path, text: str) -> ConfiguredSite | None:
    section = ini_section(path, text, "app:main")
    url = section.get("ckan.site_url", "").strip()
    if not url:
        return None
    settings = {
        name: value
        for declared in declared_settings(TransferSettings)
        if declared.name not in _NOT_OF_THE_BUCKET
        and (value := section.get(name := CKAN_PREFIX + declared.name))
    }
    mode = section.get(f"{CKAN_PREFIX}download_mode", "").strip()
    return ConfiguredSite(
        url=url,
        settings=settings,
        setting_prefix=CKAN_PREFIX,
        pages_upload=True,
        other_sites_read=_is_on(section, "cross_origin_downloads") and mode not in _UNDER_THE_PORTAL,
        serves_public_files=mode == _PUBLIC,
    )


def _is_on(section: Mapping[str, str], name: str) -> bool:
    try:
        return bool(BOOLEAN.parse(section.get(CKAN_PREFIX + name) or "true"))
    except ValueError as error:
        raise Unusable(f"{CKAN_PREFIX}{name} {error}") from error


def _of_indico(path: Path, text: str) -> ConfiguredSite | None:
    value = assigned(path, text, "BASE_URL")
    try:
        url = "" if value is None else str(ast.literal_eval(value))
    except (ValueError, TypeError):
        # It is computed; --site says it then.
        return None
    names = {setting: option for option, setting in INDICO_OPTIONS.items()}
    return ConfiguredSite(url, setting_names=names) if url else None


def name_in(site: ConfiguredSite | None, setting: str) -> str:
    """What the portal's configuration calls a transfer setting; of no known portal, what CKAN's and Indico's
    call it."""
    if site is None or not (site.setting_prefix or site.setting_names):
        option = next((option for option, name in INDICO_OPTIONS.items() if name == setting), "")
        return f"the portal's {setting} (in Indico {option})" if option else f"the portal's {setting}"
    return site.setting_names.get(setting, f"{site.setting_prefix}{setting}")
