"""Temporary credentials without any state: all that AssumeRole granted is sealed in the session token.

The token is encrypted and authenticated (AES-256-GCM) under a key of the server, with the access key id as
associated data: it cannot be read, altered, or used with another key. The secret is derived from the same
server key, so a restart forgets nothing and a leaked database holds no secrets of sessions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3portal.server.authority.policy_patterns import Values
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.wire.errors import S3Error

_PREFIX = "ASIA"
_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_NONCE_BYTES = 12
# Earlier tokens have no version, and name no account: they are of the first one.
VERSION = 1
# With tags, which earlier servers do not know: they would grant what the tags are to forbid.
VERSION_WITH_TAGS = 2
# With what came next.
VERSION_WITH_MORE = 3
# With an identity provider, with which it is to end.
VERSION_WITH_PROVIDER = 4
_VERSIONS = (VERSION, VERSION_WITH_TAGS, VERSION_WITH_MORE, VERSION_WITH_PROVIDER)


@dataclass(frozen=True)
class Session:
    """What STS granted. ``expires_at`` is in seconds since 1970, ``policy`` the session policy's JSON
    or '' without one, ``role_id`` and ``name`` make the caller's ARN and user id;
    ``account_id`` is the role's; ``issued_at`` is None in earlier tokens. ``tags`` are the session's own.

    ``kind`` is a SessionKind's value. ``ends_with`` names the user who began it; ``parent_key_id`` is the key
    of a user's own session. ``policy_arns`` are managed session policies; ``keys`` are further condition
    keys, in lower case. ``provider`` is the ARN of the identity provider that vouched for whoever began it. A
    field that is not in a token has its default.
    """

    access_key_id: str
    role: str
    role_id: str
    name: str
    policy: str
    expires_at: int
    account_id: str = FIRST_ACCOUNT
    issued_at: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    kind: str = "AssumedRole"
    ends_with: str = ""
    parent_key_id: str = ""
    source_identity: str = ""
    transitive_tags: Sequence[str] = ()
    policy_arns: Sequence[str] = ()
    keys: Mapping[str, Values] = field(default_factory=dict)
    provider: str = ""


#: Fields that the tokens of earlier servers do not have, with their defaults.
_LATER = {
    "kind": "AssumedRole",
    "ends_with": "",
    "parent_key_id": "",
    "source_identity": "",
    "transitive_tags": (),
    "policy_arns": (),
    "keys": {},
    "provider": "",
}


def is_session_key(access_key_id: str) -> bool:
    """Whether an access key id has the form of a session's: it is worthless without its token."""
    return access_key_id.startswith(_PREFIX)


def new_access_key_id() -> str:
    return _PREFIX + "".join(secrets.choice(_ID_ALPHABET) for _ in range(16))


def role_id(role_name: str, account_id: str = FIRST_ACCOUNT) -> str:
    """Returns the stable id of a role, as AWS has one beside the name."""
    # In the first account it is what it was before there were others.
    name = role_name if account_id == FIRST_ACCOUNT else f"{account_id}/{role_name}"
    digest = hashlib.sha256(name.encode()).digest()
    return "AROA" + "".join(_ID_ALPHABET[byte % 32] for byte in digest[:17])


class SessionSealer:
    """Makes and opens session tokens with one server key of 32 random bytes."""

    def __init__(self, server_key: bytes) -> None:
        self._secret_key = hmac.digest(server_key, b"session secret access key", "sha256")
        self._cipher = AESGCM(hmac.digest(server_key, b"session token", "sha256"))

    def secret_access_key(self, access_key_id: str) -> str:
        digest = hmac.digest(self._secret_key, access_key_id.encode(), "sha256")
        return base64.b64encode(digest[:30]).decode()

    def seal(self, session: Session) -> str:
        """Returns the session token."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        fields = asdict(session)
        given = {name: fields.pop(name) for name in (*_LATER, "tags")}
        later = {name: value for name, value in given.items() if value != _LATER.get(name) and value}
        version = VERSION
        if later:
            version = VERSION_WITH_TAGS if set(later) == {"tags"} else VERSION_WITH_MORE
        if session.provider:
            version = VERSION_WITH_PROVIDER
        content = {"version": version, **fields, **later}
        text = json.dumps(content, separators=(",", ":")).encode()
        sealed = self._cipher.encrypt(nonce, text, session.access_key_id.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, token: str, access_key_id: str) -> Session:
        """Returns the session of a token; raises InvalidToken unless this server made it for this key."""
        try:
            sealed = base64.b64decode(token, validate=True)
            text = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], access_key_id.encode())
        except (InvalidTag, binascii.Error, ValueError) as problem:
            raise S3Error("InvalidToken") from problem
        content = json.loads(text)
        if content.pop("version", VERSION) not in _VERSIONS:
            # A later server of this folder made it: what it grants cannot be told.
            raise S3Error("InvalidToken")
        return Session(**content)
