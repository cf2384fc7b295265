"""What ~/.aws says, and keys that stand there or in the environment plainly: without boto3, which takes
longer to load than a short command takes.

Sources: AWS SDKs and Tools Reference Guide, "Shared config and credentials files" and "Credential providers".
"""

# ruff: noqa: PTH111, PTH113  (botocore looks for the files by os.path, which never raises: pathlib may)

import os
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from s3portal.buckets.problems import Unusable
from s3portal.transfer import SigningKeys

_CONFIG, _CREDENTIALS = "~/.aws/config", "~/.aws/credentials"
#: As botocore orders them.
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
#: With one of these, keys have to be fetched from somewhere: botocore does that.
_FETCHED = (
    "role_arn",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "credential_process",
    "login_session",
)


def scoped_config(profile: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the files say of a profile, or of the one that is current; {} where there is none. Of the same
    value in both files, the credentials' one counts. Raises Unusable for a profile that is not there."""
    name = profile or next((environment[each] for each in _PROFILE_VARIABLES if environment.get(each)), "")
    config_file = _expanded(environment.get("AWS_CONFIG_FILE") or _CONFIG)
    credentials_file = _expanded(environment.get("AWS_SHARED_CREDENTIALS_FILE") or _CREDENTIALS)
    profiles: dict[str, dict[str, Any]] = {}
    try:
        if os.path.isfile(config_file):
            from botocore.configloader import load_config

            profiles = dict(load_config(config_file)["profiles"])
        if os.path.isfile(credentials_file):
            from botocore.configloader import raw_config_parse

            for each, values in raw_config_parse(credentials_file).items():
                profiles[each] = {**profiles.get(each, {}), **values}
    except BotoCoreError as error:
        raise Unusable(f"{error}. Check ~/.aws/config and ~/.aws/credentials.") from error
    if name and name not in profiles:
        raise Unusable(
            f"--profile: The config profile ({name}) could not be found. Check ~/.aws/config and AWS_PROFILE."
        )
    return profiles.get(name or "default", {})


def plain_keys(
    scoped: Mapping[str, Any], environment: Mapping[str, str], *, profile: str
) -> SigningKeys | None:
    """The keys that botocore would find first, where nothing has to be fetched for them; None elsewhere.
    ``profile`` is the one that was asked for, which counts more than variables."""
    if not profile and environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY"):
        token = environment.get("AWS_SESSION_TOKEN") or environment.get("AWS_SECURITY_TOKEN")
        # With an end to them, botocore looks again at the environment.
        if environment.get("AWS_CREDENTIAL_EXPIRATION"):
            return None
        return SigningKeys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], token)
    if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") or any(scoped.get(each) for each in _FETCHED):
        return None
    key, secret = scoped.get("aws_access_key_id"), scoped.get("aws_secret_access_key")
    if not key or not secret:
        return None
    return SigningKeys(str(key), str(secret), scoped.get("aws_session_token") or None)


def _expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))
