"""MyFSIO's environment variables, which count while its dialect is spoken.

Source: its document, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from s3portal.server.config_myfsio import MyfsioConfig, base_url
from s3portal.server.config_values import ConfigError
from s3portal.server.http.values import whole_number

#: Where this server keeps its own things in MyFSIO's STORAGE_ROOT.
OWN_FOLDER = ".s3portal"
_FILES = {
    "STORAGE_ROOT": "folder",
    "IAM_CONFIG": "iam_file",
    "BUCKET_POLICY_PATH": "bucket_policies_file",
}
_WITHOUT_MEANING = {
    "UI_PAGE_SIZE": "the console has its own page size",
    "SECRET_KEY": "the console makes a secret of its own and keeps it in the server's folder",
    "ENCRYPTION_ENABLED": "what a bucket or a request asks to be encrypted always is",
    "KMS_ENABLED": "the key management is always there, for those whose policies allow kms: actions",
    "KMS_KEYS_PATH": "keys are kept in the server's folder; import-myfsio reads this file",
    "ENCRYPTION_MASTER_KEY_PATH": "see S3PORTAL_SERVER_MASTER_KEY_FILE; import-myfsio reads this file",
}
#: The options of the command that a variable is the default of.
_DEFAULTS = {"APP_HOST": "host", "APP_PORT": "port", "UI_PORT": "console_port"}


def defaults_of(environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the variables make the defaults of the command's options."""
    found: dict[str, Any] = {option: environ[name] for name, option in _DEFAULTS.items() if environ.get(name)}
    if environ.get("STORAGE_ROOT"):
        found["root"] = Path(environ["STORAGE_ROOT"]) / OWN_FOLDER
    if environ.get("API_BASE_URL"):
        found["store_url"] = environ["API_BASE_URL"]
    return found


def with_environment(config: MyfsioConfig, environ: Mapping[str, str]) -> tuple[MyfsioConfig, Sequence[str]]:
    """Returns the configuration with what the variables say, and a sentence for each that has no meaning
    here. Raises ConfigError."""
    given: dict[str, Any] = {
        name: Path(environ[variable]) for variable, name in _FILES.items() if environ.get(variable)
    }
    if environ.get("API_BASE_URL"):
        given["api_base_url"] = base_url(environ["API_BASE_URL"], "API_BASE_URL")
    if environ.get("AWS_REGION"):
        given["region"] = environ["AWS_REGION"]
    if environ.get("MAX_UPLOAD_SIZE"):
        limit_bytes = whole_number(environ["MAX_UPLOAD_SIZE"])
        if not limit_bytes:
            raise ConfigError("MAX_UPLOAD_SIZE must be a whole number of bytes, at least 1")
        given["upload_limit_bytes"] = limit_bytes
    said = [f"{name} has no effect: {why}." for name, why in _WITHOUT_MEANING.items() if environ.get(name)]
    if environ.get("AWS_SERVICE", "s3") != "s3":
        said.append("AWS_SERVICE has no effect: requests to S3 are signed for s3.")
    return replace(config, **given), said
