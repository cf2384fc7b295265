"""Whom a statement of a resource's policy speaks about: Principal and NotPrincipal.

Pure. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from s3portal.server.authority.callers import Caller
from s3portal.server.authority.policy_patterns import PolicyError, strings_of
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.wire.json_documents import parse_json

EVERYBODY = "*"
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROOT_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):root")
_IDENTITY_ARN = re.compile(
    r"arn:aws:iam::[0-9]{12}:(?:user|role)/[\x21-\x29\x2b-\x3e\x40-\x7e]{1,512}"
    r"|arn:aws:sts::[0-9]{12}:assumed-role/[A-Za-z0-9_+=,.@-]{1,64}/[A-Za-z0-9_+=,.@-]{2,64}"
    r"|arn:aws:sts::[0-9]{12}:federated-user/[A-Za-z0-9_+=,.@-]{2,32}"
)
# What policies call users and roles that are gone, and sessions of such roles: nobody any more.
_GONE = re.compile(r"(?:AIDA|AROA)[A-Z0-9]{12,28}(?::[A-Za-z0-9_+=,.@-]{2,64})?")
_CANONICAL_ID = re.compile(r"[0-9a-f]{64}|[0-9]{12}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")
# What signs in with an issuer's token: only policies of roles speak of it.
_PROVIDER_ARN = re.compile(r"arn:aws:iam::[0-9]{12}:oidc-provider/[\x21-\x29\x2b-\x3e\x40-\x7e]{1,255}")
_KINDS = ("AWS", "CanonicalUser", "Service")
_KINDS_OF_ROLES = (*_KINDS, "Federated")


class Named(IntEnum):
    """How a caller is named, from the loosest to the closest.

    Naming an ACCOUNT leaves it to the account's own policies whom it lets in. What is given to EVERYBODY, a
    user or a role (IDENTITY) is the caller's own; what is given to a SESSION no session policy narrows.
    """

    NOT_AT_ALL = 0
    ACCOUNT = 1
    EVERYBODY = 2
    IDENTITY = 3
    SESSION = 4


@dataclass(frozen=True)
class Principals:
    """``arns`` are of users, roles and sessions; ``accounts`` ids of 12 digits; ``canonical_ids`` those of
    accounts; ``providers`` the ARNs of those whose tokens a role trusts. Services of AWS never call here, so
    they are nobody."""

    everybody: bool = False
    accounts: frozenset[str] = frozenset()
    arns: frozenset[str] = frozenset()
    canonical_ids: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()

    def names(self, caller: Caller) -> Named:
        """Returns the closest way in which a caller is among them."""
        account_id = caller.account_id
        if account_id is not None:
            identity_arn = caller.identity_arn
            if caller.arn in self.arns:
                return Named.IDENTITY if caller.arn == identity_arn else Named.SESSION
            if identity_arn in self.arns:
                return Named.IDENTITY
        if self.everybody:
            return Named.EVERYBODY
        return Named.ACCOUNT if self._has_account(account_id) else Named.NOT_AT_ALL

    def excepts(self, caller: Caller) -> bool:
        """Whether NotPrincipal lets a caller out: with its account and every name that it has here.

        A user needs its account and itself in the list; a session its account, its role and itself.
        """
        if self.everybody:
            return True
        if caller.account_id is None or not self._has_account(caller.account_id):
            return False
        return {caller.arn, caller.identity_arn} <= self.arns

    def _has_account(self, account_id: str | None) -> bool:
        if account_id is None:
            return False
        if account_id in self.accounts:
            return True
        return bool(self.canonical_ids) and not self.canonical_ids.isdisjoint(
            (account_id, canonical_id(account_id))
        )


def read_principals(statement: Mapping[str, Any], name: str, *, of_role: bool = False) -> Principals:
    """Returns the element Principal or NotPrincipal of a statement of a resource's policy, or of the policy
    that says whom a role trusts. Raises PolicyError."""
    element = statement[name]
    if element == EVERYBODY:
        return Principals(everybody=True)
    if not isinstance(element, Mapping) or not element:
        raise PolicyError(f'Invalid principal in policy: {name} must be "*" or like {{"AWS": [...]}}')
    unknown = [kind for kind in element if kind not in (_KINDS_OF_ROLES if of_role else _KINDS)]
    if unknown:
        raise PolicyError(
            f"Invalid principal in policy: this server knows no {', '.join(sorted(unknown))} in {name}"
        )
    found = _of_aws(strings_of(element, "AWS")) if "AWS" in element else Principals()
    canonical_ids = strings_of(element, "CanonicalUser") if "CanonicalUser" in element else ()
    providers = strings_of(element, "Federated") if "Federated" in element else ()
    for text, known in (
        *((text, _CANONICAL_ID) for text in canonical_ids),
        *((text, _PROVIDER_ARN) for text in providers),
        *((text, _SERVICE) for text in (strings_of(element, "Service") if "Service" in element else ())),
    ):
        if not known.fullmatch(text):
            raise _invalid(text)
    return Principals(
        found.everybody, found.accounts, found.arns, frozenset(canonical_ids), frozenset(providers)
    )


def _of_aws(texts: Any) -> Principals:
    accounts, arns = set(), set()
    for text in texts:
        root = _ROOT_ARN.fullmatch(text)
        if root is not None or _ACCOUNT_ID.fullmatch(text):
            accounts.add(root[1] if root else text)
        elif _IDENTITY_ARN.fullmatch(text):
            arns.add(text)
        elif text != EVERYBODY and not _GONE.fullmatch(text):
            raise _invalid(text)
    return Principals(EVERYBODY in texts, frozenset(accounts), frozenset(arns))


def rewrite_principals(text: str, rewrite: Callable[[str], str]) -> str:
    """Returns the JSON of a resource's policy with other users, roles and sessions in it: each is what
    ``rewrite`` makes of it. Where nothing changes, and where it is no policy, the text stays as it is."""
    try:
        document = parse_json(text)
        statements = document.get("Statement", [])
        is_changed = [
            _rewrite(statement[name], rewrite)
            for statement in ([statements] if isinstance(statements, dict) else statements)
            for name in ("Principal", "NotPrincipal")
            if isinstance(statement.get(name), dict)
        ]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return text
    return json.dumps(document, ensure_ascii=False) if any(is_changed) else text


def _rewrite(element: dict[str, Any], rewrite: Callable[[str], str]) -> bool:
    given = element.get("AWS")
    if isinstance(given, str):
        element["AWS"] = rewrite(given)
    elif isinstance(given, list):
        element["AWS"] = [rewrite(one) if isinstance(one, str) else one for one in given]
    return bool(element.get("AWS") != given)


def _invalid(text: str) -> PolicyError:
    return PolicyError(f"Invalid principal in policy: {text!r}")
