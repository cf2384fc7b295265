"""Session credentials: keys for an hour, from STS AssumeRole, that upload to one key or under one prefix and
no more."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone

from s3portal.transfer.error_translation import store_errors
from s3portal.transfer.errors import CredentialsNotConfigured
from s3portal.transfer.session_policy import prefix_policy, upload_policy
from s3portal.transfer.store import Store

#: STS API Reference, AssumeRole, RoleSessionName: 2 to 64 of these characters.
_NOT_IN_SESSION_NAME = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
_MAX_SESSION_NAME_CHARACTERS = 64


@dataclass(frozen=True)
class SessionCredentials:
    """What STS answered, and what it is good for: ``key`` or ``prefix``, one of which is None."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime
    endpoint: str
    region: str
    bucket: str
    key: str | None
    prefix: str | None

    def as_dict(self) -> dict[str, str]:
        """The credentials as the upload protocol shows them."""
        scope = {"key": self.key} if self.key is not None else {"prefix": self.prefix or ""}
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "session_token": self.session_token,
            "expiration": self.expiration.isoformat(),
            "endpoint": self.endpoint,
            "region": self.region,
            "bucket": self.bucket,
            **scope,
        }


def assume_upload_role(
    store: Store,
    user: str,
    site: str,
    key: str | None = None,
    prefix: str | None = None,
    *,
    parts_only: bool = False,
) -> SessionCredentials:
    """Assumes the configured role for ``user``, narrowed to uploading to exactly ``key``, or under
    ``prefix``.

    With ``parts_only``, those for a key send parts and create no object; whether the store enforces that is
    found out by ``keeps_to_parts``. Raises CredentialsNotConfigured where no role is set, StoreUnavailable
    and StoreFailed for STS's own errors, and ValueError unless exactly one of ``key`` and ``prefix`` is
    given."""
    if (key is None) == (prefix is None):
        raise ValueError("session credentials are for a key or for a prefix")
    role = store.settings.s3_role
    if not role:
        raise CredentialsNotConfigured
    partition = role.split(":")[1]
    if key is not None:
        policy = upload_policy(store.bucket, key, partition, parts_only=parts_only)
    else:
        policy = prefix_policy(store.bucket, prefix or "", partition)
    with store_errors("AssumeRole"):
        issued = store.sts_client().assume_role(
            RoleArn=role,
            RoleSessionName=role_session_name(user, site),
            Policy=policy,
            DurationSeconds=store.settings.credentials_expires,
        )["Credentials"]
    return SessionCredentials(
        access_key_id=issued["AccessKeyId"],
        secret_access_key=issued["SecretAccessKey"],
        session_token=issued["SessionToken"],
        expiration=issued["Expiration"].astimezone(timezone.utc),
        endpoint=store.public_endpoint,
        region=store.region,
        bucket=store.bucket,
        key=key,
        prefix=prefix,
    )


def role_session_name(user: str, site: str) -> str:
    """``user@site``, which the store's log shows with every request, within what STS allows.

    Other characters become ``-``. Where both are long, each is cut to half of the 64 characters.
    """
    user_part = _NOT_IN_SESSION_NAME.sub("-", user) or "user"
    site_part = _NOT_IN_SESSION_NAME.sub("-", site) or "portal"
    room = _MAX_SESSION_NAME_CHARACTERS - len("@")
    site_part = site_part[: max(room // 2, room - len(user_part))]
    return f"{user_part[: room - len(site_part)]}@{site_part}"
