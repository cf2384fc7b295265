"""Writes the .ini file that CKAN runs with, for the embedded portal and for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s3portal.demo.secret import kept_secret, write_private

SITE_ID = "default"
SEARCH_PLUGIN = "s3portal_demo_search"

_LOGGING = """
[loggers]
keys = root, ckan, ckanext, s3portal, werkzeug

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARNING
handlers = console

[logger_ckan]
level = WARNING
handlers =
qualname = ckan

[logger_ckanext]
level = INFO
handlers =
qualname = ckanext

[logger_s3portal]
level = INFO
handlers =
qualname = s3portal

[logger_werkzeug]
level = WARNING
handlers =
qualname = werkzeug

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(asctime)s %(levelname)-5.5s [%(name)s] %(message)s
"""


@dataclass(frozen=True)
class CkanConfiguration:
    """What differs from one embedded CKAN to the next; `settings` are added last and win."""

    site_url: str
    database_url: str
    redis_url: str
    storage_folder: Path
    plugins: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def write_ckan_ini(path: Path, configuration: CkanConfiguration) -> Path:
    """Writes the file for CKAN 2.10 to 2.12, readable by its owner only, and returns its path.

    Secrets stand in files beside it and are kept from one writing to the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = kept_secret(path.with_name("session-secret"))
    lines = {**_settings(configuration, secret), **configuration.settings}
    # CKAN reads the file with interpolation on: a percent sign, as in an encoded password, is doubled.
    body = "\n".join(f"{name} = {value}".replace("%", "%%") for name, value in lines.items())
    write_private(path, f"[DEFAULT]\ndebug = false\n\n[app:main]\nuse = egg:ckan\n{body}\n{_LOGGING}")
    return path


def _settings(configuration: CkanConfiguration, secret: str) -> dict[str, str]:
    return {
        "config.mode": "strict",
        "ckan.site_id": SITE_ID,
        "ckan.site_url": configuration.site_url,
        "ckan.site_title": "s3portal",
        "sqlalchemy.url": configuration.database_url,
        "ckan.redis.url": configuration.redis_url,
        # Never asked: the search plugin answers in its place.
        "solr_url": "http://127.0.0.1:1/solr/ckan",
        "ckan.plugins": " ".join((*configuration.plugins, SEARCH_PLUGIN)),
        "ckan.storage_path": str(configuration.storage_folder),
        "ckan.webassets.path": str(configuration.storage_folder / "webassets"),
        "ckan.max_resource_size": "100",
        # One secret for the three things that CKAN signs.
        "SECRET_KEY": secret,
        "WTF_CSRF_SECRET_KEY": secret,
        "beaker.session.key": "ckan",
        "beaker.session.secret": secret,
        "api_token.jwt.encode.secret": f"string:{secret}",
        "api_token.jwt.decode.secret": f"string:{secret}",
        "ckan.views.default_views": "image_view",
        # Pages call no other host.
        "ckan.gravatar_default": "disabled",
        "ckan.auth.anon_create_dataset": "false",
        "ckan.auth.create_unowned_dataset": "false",
        "ckan.auth.create_dataset_if_not_in_organization": "false",
        "ckan.auth.user_create_organizations": "false",
        "ckan.auth.user_create_groups": "false",
        "ckan.auth.create_user_via_web": "false",
        "ckan.auth.create_user_via_api": "false",
        "ckan.locale_default": "en",
    }
