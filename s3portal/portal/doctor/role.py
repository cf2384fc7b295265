"""Check: STS gives session credentials of the role, and if not, what is in the way."""

from collections.abc import Callable, Generator
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.causes import Cause, Told, cause_of_answer, cause_of_library
from s3portal.portal.findings import Finding
from s3portal.transfer import SessionCredentials, Store, TransferError, assume_upload_role, deadline

_NO_ROLE = frozenset({"NoSuchEntity", "NoSuchRole", "EntityDoesNotExist"})
_NO_STS = frozenset(
    {"InvalidAction", "NotImplemented", "MethodNotAllowed", "UnknownOperationException", "404", "405", "501"}
)
#: AWS says which policy is missing: IAM User Guide, "Troubleshoot access denied error messages".
_BY_IDENTITY = "no identity-based policy allows"
_BY_TRUST = "no resource-based policy allows"


def examine_role(case: Case, prefix: str) -> Generator[Finding, None, SessionCredentials | None]:
    """Asks STS for credentials of nothing but the doctor's own keys. Returns them, None without."""
    place, role = case.setting("s3_role"), case.store.settings.s3_role
    try:
        with deadline(CALL_S):
            return assume_upload_role(case.store, "doctor", case.host, prefix=prefix)
    except (TransferError, ValueError) as error:
        cause = _cause(case, error)
    yield replace(case.wrong(role, cause.text, cause.mend), place=place)
    return None


def _cause(case: Case, error: Exception) -> Cause:
    answered = error.__cause__
    if isinstance(answered, ClientError):
        return role_cause(case, Told.by_error(answered), lambda: caller_of(case.store))
    if isinstance(error, ValueError):
        return Cause("policy", str(error), f"shorten {case.setting('s3_prefix')}")
    cause = cause_of_library(case, error, permission="sts:AssumeRole")
    endpoint = case.store.settings.sts_endpoint or "AWS"
    return Cause(
        cause.kind,
        f"STS at {endpoint}: {cause.text}",
        f"check {case.setting('s3_sts_endpoint')}: {cause.mend}",
    )


def role_cause(case: Case, told: Told, caller: Callable[[], str]) -> Cause:
    """Why STS refused. ``caller`` says whose the portal's keys are, "" where that is not known."""
    role, name = case.store.settings.s3_role, case.setting
    endpoint = case.store.settings.sts_endpoint or "AWS"
    if told.code in _NO_ROLE:
        return Cause(
            "role", f"there is no role {role}: {told.shown}", f"create the role, or correct {name('s3_role')}"
        )
    if told.status == 404 and told.code in ("", "404"):
        # So does Ceph RGW for a role that is not there, without a word.
        text = f"there is no role {role}, or no STS at {endpoint}: {told.shown}"
        return Cause(
            "role", text, f"create the role, or correct {name('s3_role')} or {name('s3_sts_endpoint')}"
        )
    if told.code in _NO_STS or (not told.code and told.status in (200, 404, 405, 501)):
        text = f"{endpoint} does not answer as STS: {told.shown}"
        return Cause("no STS", text, f"set {name('s3_sts_endpoint')}, or remove {name('s3_role')}")
    if told.code in ("AccessDenied", "403"):
        return _refused(case, told, caller())
    if told.code == "ValidationError" and "duration" in told.message.lower():
        expires_s = case.store.settings.credentials_expires
        text = f"the role's sessions end sooner than {expires_s} seconds: {told.message}"
        return Cause(
            "duration", text, f"lower {name('credentials_expires')}, or raise the role's MaxSessionDuration"
        )
    if told.code == "ValidationError":
        return Cause("role", f"STS does not accept the request: {told.message}", f"check {name('s3_role')}")
    if told.code in ("MalformedPolicyDocument", "PackedPolicyTooLarge"):
        text = f"STS does not accept the session policy: {told.shown}"
        return Cause("policy", text, f"shorten {name('s3_prefix')}")
    if told.code == "RegionDisabledException":
        text = f"STS is switched off in {case.store.region}"
        return Cause("region", text, "switch it on under IAM, Account settings, or set another STS address")
    return cause_of_answer(case, told, permission="sts:AssumeRole", resource=role)


def _refused(case: Case, told: Told, caller: str) -> Cause:
    role, name = case.store.settings.s3_role, case.setting
    keys = f"the portal's keys ({caller})" if caller else "the portal's keys"
    said = told.message or told.shown
    allow = f"allow {caller or 'the user of the portal'} sts:AssumeRole on {role}"
    trust = f"make the role's trust policy name {caller or 'the user of the portal'}"
    if _BY_IDENTITY in said:
        return Cause("permission", f"{keys} may not assume the role: {said}", allow)
    if _BY_TRUST in said:
        return Cause("trust", f"the role does not trust {keys}: {said}", trust)
    text = (
        f"{keys} may not assume the role: it does not exist, or its trust policy does not name them, or they"
        f" lack sts:AssumeRole ({told.code})"
    )
    return Cause("role", text, f"correct {name('s3_role')} if the role does not exist; {trust}; {allow}")


def caller_of(store: Store) -> str:
    """The ARN of the portal's own user, "" where STS does not tell."""
    try:
        with deadline(CALL_S):
            return store.sts_client().get_caller_identity()["Arn"]
    except (ClientError, BotoCoreError, KeyError):
        return ""
