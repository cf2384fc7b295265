"""What all sessions have in common: how long they last, what narrows them, how they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from s3portal.server.access.session_tokens import Session
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.authority.identity_keys import DURATION_S
from s3portal.server.authority.policy import PolicyError, read_policy
from s3portal.server.authority.policy_patterns import Values
from s3portal.server.gateway.call import Call
from s3portal.server.http.values import whole_number
from s3portal.server.iam import aws_managed
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import element, field, fields

VERSION = "2011-06-15"
LEAST_SESSION_S = 900
POLICY_LIMIT_CHARACTERS = 2048
POLICY_ARNS_LIMIT = 10


@dataclass(frozen=True)
class Narrowing:
    """The session policies of a call: a JSON text, '' for none, and ARNs of managed ones."""

    policy: str = ""
    policy_arns: tuple[str, ...] = ()

    @property
    def packed_size(self) -> str | None:
        """How much of the room for policies is taken, in percent."""
        taken = len(self.policy) + sum(map(len, self.policy_arns))
        return f"{min(100, taken * 100 // POLICY_LIMIT_CHARACTERS)}" if taken else None


def narrowing_of(call: Call, parameters: Parameters, account_id: str) -> Narrowing:
    """Returns the session policies of a call. Raises MalformedPolicyDocument, and ValidationError,
    also for an ARN of no policy of the account or of AWS."""
    arns = tuple(one.required("arn", most=2048, least=20) for one in parameters.structures("PolicyArns"))
    if len(arns) > POLICY_ARNS_LIMIT:
        raise invalid(f"a session can have {POLICY_ARNS_LIMIT} managed policies at most")
    owners = tuple(f"arn:aws:iam::{owner}:policy/" for owner in (account_id, aws_managed.OWNER))
    for arn in arns:
        if not arn.startswith(owners) or call.service.authenticator.directory.managed_policy(arn) is None:
            raise invalid(f"Policy {arn} does not exist or cannot be used for this session")
    return Narrowing(_session_policy(parameters.given.get("Policy", "")), arns)


def _session_policy(policy: str) -> str:
    if len(policy) > POLICY_LIMIT_CHARACTERS:
        raise invalid(
            "Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to "
            f"{POLICY_LIMIT_CHARACTERS}"
        )
    if policy:
        try:
            read_policy(policy, strict=True)
        except PolicyError as problem:
            raise S3Error("MalformedPolicyDocument", str(problem)) from problem
    return policy


def duration_key(parameters: Parameters, *, default_s: int) -> dict[str, Values]:
    """Returns the condition key that says how long a session is asked for."""
    return {DURATION_S: parameters.given.get("DurationSeconds") or str(default_s)}


def duration_of(parameters: Parameters, *, default_s: int, limit_s: int) -> int:
    """Returns how long a session is to last, in seconds. Raises ValidationError."""
    text = parameters.given.get("DurationSeconds")
    if not text:
        return min(default_s, limit_s)
    duration_s = whole_number(text)
    if duration_s is None or not LEAST_SESSION_S <= duration_s <= limit_s:
        raise invalid(
            "The requested DurationSeconds must be at least "
            f"{LEAST_SESSION_S} and must not exceed the MaxSessionDuration set for this role: {limit_s}"
        )
    return duration_s


def refuse_unknown(parameters: Parameters, known: set[str], lists: tuple[str, ...] = ()) -> None:
    """Raises ValidationError for a parameter that this server would not heed. Empty, as lists without members
    are sent, it asks for nothing."""
    prefixes = tuple(f"{name}.member." for name in lists)
    unknown = sorted(
        name
        for name, value in parameters.given.items()
        if value and name not in known | {"Action", "Version"} and not name.startswith(prefixes)
    )
    if unknown:
        raise invalid(f"this server does not evaluate {', '.join(unknown)}")


def credentials_element(call: Call, session: Session) -> str:
    """Returns the Credentials of a session: the one place where its secret is told."""
    sealer = call.service.authenticator.sealer
    expiration = datetime.fromtimestamp(session.expires_at, timezone.utc)
    return element(
        "Credentials",
        fields(
            ("AccessKeyId", session.access_key_id),
            ("SecretAccessKey", sealer.secret_access_key(session.access_key_id)),
            ("SessionToken", sealer.seal(session)),
            ("Expiration", f"{expiration:%Y-%m-%dT%H:%M:%SZ}"),
        ),
    )


def packed_size_field(narrowing: Narrowing) -> str:
    return field("PackedPolicySize", narrowing.packed_size)


def now_s(call: Call) -> int:
    return int(call.service.authenticator.now().timestamp())


def invalid(message: str) -> S3Error:
    return S3Error("ValidationError", message)
