"""dtool's settings of a bucket: from the environment first, then from ``~/.config/dtool/dtool.json``.

The names are dtool-s3's. A bucket's name stands in them as it is, hyphens included.
"""

import difflib
import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import boto3
import dtoolcore.utils
from botocore.exceptions import BotoCoreError

from s3portal.dtool.errors import BucketSettingsError, PublishingRefused
from s3portal.dtool.public_store import open_public_store
from s3portal.transfer import SettingsError, Store, TransferSettings, open_store, read_settings

#: AWS General Reference, Signature Version 4: a presigned URL lives seven days at the most.
MAX_EXPIRY_S = 7 * 24 * 3600

_ENDPOINT = "DTOOL_S3_ENDPOINT_"
_ACCESS_KEY_ID = "DTOOL_S3_ACCESS_KEY_ID_"
_SECRET_ACCESS_KEY = "DTOOL_S3_SECRET_ACCESS_KEY_"  # noqa: S105 - the name of the setting
_DATASET_PREFIX = "DTOOL_S3_DATASET_PREFIX_"
_ANONYMOUS = "DTOOL_S3_ANONYMOUS_"
_PER_BUCKET = (_ENDPOINT, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _DATASET_PREFIX, _ANONYMOUS)
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
_PUBLISH_EXPIRY = "DTOOL_S3_PUBLISH_EXPIRY"
_CACHE_DIRECTORY = "DTOOL_CACHE_DIRECTORY"


@dataclass(frozen=True)
class BucketSettings:
    """Where a bucket is and under which prefix new datasets go. "" means not set: boto3 finds out.

    ``anonymous``: it is read as anyone may read it, without a key.
    """

    bucket: str
    endpoint: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    dataset_prefix: str
    anonymous: bool = False


def read_bucket_settings(bucket: str, config_path: str | None = None) -> BucketSettings:
    """The settings of ``bucket``: its endpoint and both parts of its key, or none of the three. For reading
    without a key the endpoint alone.

    Raises BucketSettingsError, which names what is missing and what may have been meant for it.
    """
    if not bucket:
        raise BucketSettingsError("The URI does not name a bucket. Write it as in s3://my-bucket")
    wanted = {start: _value(f"{start}{bucket}", config_path) for start in _PER_BUCKET}
    if _yes(f"{_ANONYMOUS}{bucket}", wanted[_ANONYMOUS]):
        return BucketSettings(bucket, wanted[_ENDPOINT], "", "", wanted[_DATASET_PREFIX], anonymous=True)
    together = (_ENDPOINT, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY)
    missing = [f"{start}{bucket}" for start in together if not wanted[start]]
    if missing and len(missing) < len(together):
        raise BucketSettingsError(_missing_message(bucket, missing, config_path))
    endpoint, access_key_id, secret_access_key = (wanted[start] for start in together)
    return BucketSettings(bucket, endpoint, access_key_id, secret_access_key, wanted[_DATASET_PREFIX])


def publish_expiry_s(config_path: str | None = None) -> int | None:
    """How many seconds a published dataset is readable for, or None where it is to be public permanently.

    Raises PublishingRefused where the setting is no such number.
    """
    text = _value(_PUBLISH_EXPIRY, config_path)
    if not text:
        return None
    try:
        expiry_s = int(text)
    except ValueError as error:
        raise PublishingRefused(f"{_PUBLISH_EXPIRY} = {text} is not a number of seconds.") from error
    return check_expiry(expiry_s, _PUBLISH_EXPIRY)


def check_expiry(expiry_s: int, name: str) -> int:
    """``expiry_s`` where S3 can sign for so long. Raises PublishingRefused, which says how long it can."""
    if not 0 < expiry_s <= MAX_EXPIRY_S:
        raise PublishingRefused(
            f"{name} = {expiry_s} is out of range: S3 signs links for 1 to {MAX_EXPIRY_S} seconds (7 days)."
            " For a dataset that is to stay public, leave it out and publish permanently."
        )
    return expiry_s


def cache_directory(config_path: str | None = None) -> Path:
    """Where items are kept that were fetched."""
    return Path(_value(_CACHE_DIRECTORY, config_path) or dtoolcore.utils.DEFAULT_CACHE_PATH)


def setting_names(config_path: str | None = None) -> set[str]:
    """The names of all dtool-s3 settings that are set anywhere, ours or not."""
    names = {*os.environ, *_config_file(config_path)}
    return {name for name in names if name.startswith("DTOOL_S3_")}


@lru_cache
def store_of(settings: BucketSettings) -> Store:
    """The store that the settings describe: the same for every dataset of a bucket, so connections are kept.

    Raises BucketSettingsError.
    """
    values = {
        "s3_bucket": settings.bucket,
        "s3_endpoint": settings.endpoint,
        "s3_access_key_id": settings.access_key_id,
        "s3_secret_access_key": settings.secret_access_key,
    }
    try:
        region = boto3.Session().region_name
        read = read_settings(TransferSettings, {**values, "s3_region": region}, prefix="")
        return open_public_store(read) if settings.anonymous else open_store(read)
    except SettingsError as error:
        problems = "; ".join(_in_dtool_words(str(problem), settings.bucket) for problem in error.problems)
        raise BucketSettingsError(f"The settings of bucket {settings.bucket!r}: {problems}") from error
    except BotoCoreError as error:
        raise BucketSettingsError(f"The AWS configuration cannot be used: {error}") from error


def _value(name: str, config_path: str | None) -> str:
    """The setting, "" where it is not set. A file given by the caller comes before the user's own."""
    if name in os.environ:
        return os.environ[name]
    # JSON's null is what dtool's own reader takes for a setting that is not there.
    for path in (config_path, None):
        value = _config_file(path).get(name)
        if isinstance(value, (bool, list, dict)) and not (
            isinstance(value, bool) and name.startswith(_ANONYMOUS)
        ):
            raise BucketSettingsError(f"{name} must be a text in quotes, but is {json.dumps(value)}.")
        if value is not None:
            return str(value)
    return ""


def _yes(name: str, value: str) -> bool:
    try:
        return _YES_OR_NO[value.strip().lower()]
    except KeyError as error:
        raise BucketSettingsError(f"{name} = {value} must be true or false.") from error


def _config_file(config_path: str | None) -> dict[str, object]:
    path = Path(config_path or dtoolcore.utils.DEFAULT_CONFIG_PATH)
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BucketSettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BucketSettingsError(f"{path} must hold a JSON object of settings: {{...}}")
    return content


def _missing_message(bucket: str, missing: list[str], config_path: str | None) -> str:
    message = (
        f"Bucket {bucket} has some of its settings but not all: {' and '.join(missing)} missing."
        " Set the endpoint and both parts of the key, or none of the three to use the AWS configuration."
    )
    if f"{_ENDPOINT}{bucket}" not in missing:
        message += f" To read a public bucket without a key, set {_ANONYMOUS}{bucket} to true."
    known = {f"{start}{bucket}" for start in _PER_BUCKET}
    alike = [
        f"{found[0]} is set but not read; did you mean {name}?"
        for name in missing
        if (found := difflib.get_close_matches(name, setting_names(config_path) - known, n=1, cutoff=0.85))
    ]
    return "\n".join([message, *alike])


def _in_dtool_words(problem: str, bucket: str) -> str:
    for name, start in (
        ("s3_endpoint", _ENDPOINT),
        ("s3_access_key_id", _ACCESS_KEY_ID),
        ("s3_secret_access_key", _SECRET_ACCESS_KEY),
    ):
        problem = problem.replace(name, f"{start}{bucket}")
    return problem.replace("s3_bucket", "the bucket's name")
