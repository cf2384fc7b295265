"""``iam.json``: MyFSIO's users, as users of the configuration.

``localadmin`` is let in only where it is asked for by name, and never with the secret that everybody knows:
it gets a random one then, in a private file of the server's folder.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3portal.server.access.directory import ROOT_USER, User
from s3portal.server.access.kept_keys import kept_key
from s3portal.server.access.session_tokens import is_session_key
from s3portal.server.authority.policy import ALLOW_ALL, NOTHING, Policy, read_policy
from s3portal.server.myfsio.policies import policy_of_entries
from s3portal.server.wire.json_documents import parse_json

LOCALADMIN = "localadmin"
LOCALADMIN_KEY_FILE = "localadmin-access-key.json"
LEAST_SECRET = 8
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{3,128}")
_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
_NAME_LIMIT = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptUser:
    """A user as the file has it. ``policy`` is a document of AWS's, None for one that allows nothing."""

    name: str
    access_key_id: str
    secret_access_key: str
    policy: Mapping[str, Any] | None


def read_users(text: str) -> tuple[KeptUser, ...]:
    """Returns the users of a file's text. What the file says that cannot be taken over is logged.

    Raises ValueError for what is not such a file, and for one that a later release has encrypted.
    """
    if not text.lstrip().startswith("{"):
        raise ValueError(
            "it is encrypted, as releases 0.4 and later write it, or no JSON object; this server reads the "
            "files of 0.1.9 to 0.2.1"
        )
    document = parse_json(text)
    entries = document.get("users")
    if not isinstance(entries, list):
        raise ValueError("users must be a list")
    found: dict[str, KeptUser] = {}
    names: set[str] = set()
    for number, entry in enumerate(entries):
        user = _user(entry, f"users[{number}]", names)
        if user.access_key_id in found:
            raise ValueError(f"users[{number}]: the access key {user.access_key_id} is there twice")
        found[user.access_key_id] = user
        names.add(user.name.lower())
    return tuple(found.values())


def _user(entry: Any, place: str, taken: Collection[str]) -> KeptUser:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{place} must be an object")
    key_id, secret = entry.get("access_key"), entry.get("secret_key")
    if not isinstance(key_id, str) or not _ACCESS_KEY_ID.fullmatch(key_id) or is_session_key(key_id):
        raise ValueError(f"{place}: access_key must be 3 to 128 letters, digits, '_', '.', '-'")
    if not isinstance(secret, str):
        raise ValueError(f"{place}: secret_key must be a text")
    try:
        policy, unknown = policy_of_entries(entry.get("policies", []))
    except ValueError as problem:
        raise ValueError(f"{place}: {problem}") from problem
    if unknown:
        log.warning("the actions %s of %s are unknown and allow nothing", ", ".join(unknown), key_id)
    return KeptUser(_name(entry.get("display_name"), key_id, taken), key_id, secret, policy)


def _name(display_name: Any, access_key_id: str, taken: Collection[str]) -> str:
    """A name that IAM allows, like the one that is shown; not that of the administrator of the account."""
    text = display_name if isinstance(display_name, str) else ""
    name = _NOT_OF_NAMES.sub("-", text).strip("-")[:_NAME_LIMIT] or access_key_id[:_NAME_LIMIT]
    if name.lower() in taken or name.lower() == ROOT_USER:
        suffix = f"-{access_key_id}"[-_NAME_LIMIT + 1 :]
        name = name[: _NAME_LIMIT - len(suffix)] + suffix
    return name


def users_let_in(found: Collection[KeptUser], root: Path, *, localadmin: bool) -> tuple[User, ...]:
    """Returns those who may come in, with the secrets that count; who may not is logged.

    ``root`` is the server's folder. Raises ValueError, OSError for the file of localadmin's key.
    """
    let_in = []
    for kept in found:
        if kept.access_key_id == LOCALADMIN or kept.secret_access_key == LOCALADMIN:
            if kept.access_key_id != LOCALADMIN or not localadmin:
                log.warning("the user with the access key %s is not let in", kept.access_key_id)
                continue
        elif len(kept.secret_access_key) < LEAST_SECRET:
            log.warning("the secret of %s is too short: the user is not let in", kept.access_key_id)
            continue
        secret = kept.secret_access_key
        if kept.access_key_id == LOCALADMIN and (_is_known(secret) or len(secret) < LEAST_SECRET):
            secret = _own_secret(root)
        let_in.append(User(kept.name, kept.access_key_id, secret, policy=_policy(kept)))
    if localadmin and all(user.access_key_id != LOCALADMIN for user in let_in):
        let_in.append(User(LOCALADMIN, LOCALADMIN, _own_secret(root), policy=ALLOW_ALL))
    return tuple(let_in)


def _own_secret(root: Path) -> str:
    path = root / LOCALADMIN_KEY_FILE
    log.info("the secret of localadmin is in %s", path)
    return kept_key(path, LOCALADMIN)[1]


def _is_known(secret: str) -> bool:
    return hmac.compare_digest(secret.encode(), LOCALADMIN.encode())


def _policy(kept: KeptUser) -> Policy:
    return NOTHING if kept.policy is None else read_policy(kept.policy, f"the policy of user {kept.name}")
