"""The store in files that are there already: a CKAN's ``.ini``, Indico's ``indico.conf``, s3cmd's ``.s3cfg``.

What is read are transfer settings by their names; everything else in the files is left alone. An
``indico.conf`` is Python, which is read here and not run.
"""

import ast
import configparser
import re
from collections.abc import Mapping
from pathlib import Path

from s3portal.buckets.problems import Unusable

CKAN_PREFIX = "ckanext.s3multipart."
_STORE_SETTINGS = (
    "s3_bucket",
    "s3_region",
    "s3_endpoint",
    "s3_public_endpoint",
    "s3_addressing_style",
    "s3_access_key_id",
    "s3_secret_access_key",
    "s3_session_token",
    "s3_profile",
    "s3_sts_endpoint",
    "s3_checksums",
)
#: The options of an entry of STORAGE_BACKENDS that say where and whose the store is.
INDICO_OPTIONS = {
    "bucket": "s3_bucket",
    "host": "s3_endpoint",
    "public_host": "s3_public_endpoint",
    "region": "s3_region",
    "profile": "s3_profile",
    "access_key": "s3_access_key_id",
    "secret_key": "s3_secret_access_key",
    "addressing_style": "s3_addressing_style",
}


def read_configuration(path: Path, backend: str = "") -> dict[str, str]:
    """The transfer settings that the file says; ``backend`` is the entry of STORAGE_BACKENDS.

    Raises Unusable where it says none, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"--config {path}: cannot be read: {error}") from error
    if re.search(r"^\s*STORAGE_BACKENDS\b", text, re.MULTILINE):
        return _of_indico(path, text, backend)
    if re.search(r"^\s*\[default\]", text, re.MULTILINE):
        return _of_s3cmd(path, text)
    if re.search(r"^\s*\[app:", text, re.MULTILINE):
        return _of_ckan(path, text)
    raise Unusable(
        f"--config {path}: this is no CKAN .ini file ([app:main]), no indico.conf (STORAGE_BACKENDS) and no"
        " .s3cfg of s3cmd ([default])"
    )


def _of_ckan(path: Path, text: str) -> dict[str, str]:
    section = ini_section(path, text, "app:main")
    found = {name: section[CKAN_PREFIX + name] for name in _STORE_SETTINGS if section.get(CKAN_PREFIX + name)}
    if "s3_bucket" not in found:
        raise Unusable(f"--config {path}: {CKAN_PREFIX}s3_bucket is not set")
    return found


def _of_s3cmd(path: Path, text: str) -> dict[str, str]:
    section = ini_section(path, text, "default")
    found = {
        "s3_access_key_id": section.get("access_key", ""),
        "s3_secret_access_key": section.get("secret_key", ""),
        "s3_session_token": section.get("access_token", ""),
    }
    host = section.get("host_base", "").strip()
    if host and host != "s3.amazonaws.com":
        scheme = (
            "http" if section.get("use_https", "True").strip().lower() in ("false", "no", "0") else "https"
        )
        found["s3_endpoint"] = f"{scheme}://{host}"
        if "%(bucket)s" not in section.get("host_bucket", "%(bucket)s"):
            found["s3_addressing_style"] = "path"
    region = section.get("bucket_location", "").strip()
    if region and region != "US":
        found["s3_region"] = "eu-west-1" if region == "EU" else region
    return {name: value for name, value in found.items() if value}


def ini_section(path: Path, text: str, name: str) -> Mapping[str, str]:
    """The options of a section, none where it is not there. Raises Unusable."""
    # s3cmd writes %(bucket)s for itself, and CKAN %(here)s for the folder of the file.
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise Unusable(f"--config {path}: {error}") from error
    here = str(path.resolve().parent)
    return {
        option: value.replace("%(here)s", here) if name.startswith("app:") else value
        for option, value in (parser.items(name) if parser.has_section(name) else ())
        if value is not None
    }


def _of_indico(path: Path, text: str, backend: str) -> dict[str, str]:
    entries = _indico_backends(path, text)
    # Of those that make buckets by a template, no entry names the one that is meant.
    backends = {name: options for name, options in entries.items() if options.get("bucket")}
    dynamic = {name: options for name, options in entries.items() if options.get("bucket_template")}
    named = ", ".join(backends) or "none"
    if backend and backend not in {**backends, **dynamic}:
        there = ", ".join([*backends, *dynamic]) or "none"
        raise Unusable(
            f"--backend {backend}: STORAGE_BACKENDS has no such entry with a bucket; it has {there}"
        )
    if not backend and not backends:
        raise Unusable(
            f"--config {path}: STORAGE_BACKENDS has no entry with a bucket, such as 's3:bucket=files'; for"
            " buckets of a template give --backend and the bucket"
        )
    if not backend and len(backends) > 1:
        raise Unusable(f"--config {path}: STORAGE_BACKENDS has several buckets: choose --backend of {named}")
    options = {**backends, **dynamic}[backend or next(iter(backends))]
    found = {
        INDICO_OPTIONS[name]: value for name, value in options.items() if name in INDICO_OPTIONS and value
    }
    for name in ("s3_endpoint", "s3_public_endpoint"):
        if name in found and "://" not in found[name]:
            found[name] = f"https://{found[name]}"
    return found


def assigned(path: Path, text: str, name: str) -> ast.expr | None:
    """What a Python file assigns to a name last, None where it does not. Raises Unusable."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise Unusable(f"--config {path}: is not valid Python: {error}") from error
    for statement in reversed(tree.body):
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in statement.targets
        ):
            return statement.value
    return None


def _indico_backends(path: Path, text: str) -> dict[str, dict[str, str]]:
    """The S3 entries, each with its options."""
    value = assigned(path, text, "STORAGE_BACKENDS")
    if value is None:
        return {}
    try:
        entries = dict(ast.literal_eval(value))
    except (ValueError, TypeError) as error:
        raise Unusable(
            f"--config {path}: STORAGE_BACKENDS is computed, so it cannot be read here: give --endpoint,"
            " --region and the bucket instead"
        ) from error
    return {
        str(entry): dict(_pairs(str(options).partition(":")[2]))
        for entry, options in entries.items()
        if str(options).partition(":")[0].startswith("s3")
    }


def _pairs(options: str) -> list[tuple[str, str]]:
    return [
        (name.strip(), value.strip())
        for name, _, value in (option.partition("=") for option in options.split(","))
    ]
