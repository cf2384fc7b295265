"""From what a store answered, or what the AWS library raised, to the cause and what to do about it.

Sources: S3 API Reference, "Error responses"; STS API Reference, "Common errors".
"""

from dataclasses import dataclass, field
from datetime import datetime, timezone

from botocore import exceptions as aws
from botocore.exceptions import ClientError

from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.clock import clock_problem
from s3portal.portal.doctor.connection import NoAnswer, Silence, silence_of

_UNKNOWN_KEY = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
_WRONG_SECRET = {"SignatureDoesNotMatch", "IncompleteSignature"}
_OLD_TOKEN = {"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"}
_OTHER_REGION = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "Redirect",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "IllegalLocationConstraintException",
    "301",
    "307",
    "308",
}
_REFUSED = {"AccessDenied", "AllAccessDisabled", "AccessDeniedException", "403", "Forbidden"}
_OF_THE_CLOCK = (
    "request has expired",
    "not yet valid",
    "not valid yet",
    "signature expired",
    "not yet current",
)
_UNABLE = {"NotImplemented", "MethodNotAllowed", "InvalidAction", "501", "405"}


@dataclass(frozen=True)
class Cause:
    """Why something failed, and what to do. ``kind`` is one word for programs and tests."""

    kind: str
    text: str
    mend: str


@dataclass(frozen=True)
class Told:
    """What an answer says about itself, however it was received."""

    status: int
    code: str = ""
    message: str = ""
    region: str = ""
    ahead_s: float | None = None
    has_server_time: bool = False
    facts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def by(cls, answer: Answer) -> "Told":
        return cls(
            status=answer.status,
            code=answer.code,
            message=answer.message,
            region=answer.named_region,
            ahead_s=answer.ahead_s,
            has_server_time=bool(answer.error_fact("ServerTime")),
        )

    @classmethod
    def by_error(cls, error: ClientError) -> "Told":
        response = error.response
        fields = response.get("Error", {})
        meta = response.get("ResponseMetadata", {})
        headers = meta.get("HTTPHeaders", {})
        pairs = tuple((str(name), str(value)) for name, value in headers.items())
        server_time = f"<Error><ServerTime>{fields.get('ServerTime', '')}</ServerTime></Error>"
        as_answer = Answer(
            meta.get("HTTPStatusCode", 0), pairs, server_time.encode(), datetime.now(timezone.utc)
        )
        return cls(
            status=as_answer.status,
            code=fields.get("Code") or "",
            message=fields.get("Message") or "",  # Ceph RGW leaves it empty
            region=str(fields.get("Region", "")) or as_answer.named_region,
            ahead_s=as_answer.ahead_s,
            has_server_time=bool(fields.get("ServerTime")),
        )

    @property
    def shown(self) -> str:
        """The answer in a few words."""
        code = "" if self.code == str(self.status) else self.code
        return " ".join(filter(None, (str(self.status), code, self.message)))


def shortest_url_s(case: Case) -> int:
    """How long the URL lives that lives shortest."""
    return min(case.store.settings.url_expires, case.store.settings.download_expires)


def cause_of_answer(case: Case, told: Told, *, permission: str, resource: str = "") -> Cause:
    """Why the store refused. ``permission`` is what the request needs, of ``resource``, an ARN."""
    store, name = case.store, case.setting
    if clock := _clock(case, told):
        return clock
    if told.code in _UNKNOWN_KEY:
        text = f"the store does not know the access key ({told.code})"
        return Cause("key", text, f"check {name('s3_access_key_id')}, or where boto3 finds the keys")
    if told.code in _WRONG_SECRET:
        text = f"the secret does not belong to the access key ({told.code})"
        return Cause("secret", text, f"check {name('s3_secret_access_key')}")
    if told.code in _OLD_TOKEN:
        text = f"the keys are temporary, and have expired or do not match their token ({told.code})"
        return Cause("token", text, f"renew {name('s3_session_token')} and its keys, or use permanent keys")
    if told.code == "NoSuchBucket":
        text = f"there is no bucket {store.bucket}"
        return Cause("bucket", text, f"create the bucket, or correct {name('s3_bucket')}")
    if told.code in _OTHER_REGION or 300 <= told.status <= 399:
        return _region(case, told)
    if told.code in _REFUSED or told.status == 403:
        return _refused(case, told, permission, resource)
    if told.status >= 500 or told.code == "SlowDown":
        text = f"the store itself has a problem: it answers {told.shown}"
        return Cause("trouble", text, "check the store, then run this again")
    if told.code in _UNABLE:
        return Cause("unable", f"this store cannot do that: it answers {told.shown}", "use another store")
    if not told.code:
        return not_s3(case, f"status {told.status} without an S3 error")
    if told.status == 400 and store.settings.s3_sse:
        text = f"the store answers {told.shown}, perhaps because it does not support this encryption"
        return Cause("other", text, f"remove {name('s3_sse')}, or set it to what the store supports")
    return Cause("other", f"the store answers {told.shown}", f"look up {told.code} in the store's manual")


def says_unknown_key(told: Told) -> bool:
    """Whether the store says that it does not know the access key, and not just that it refuses."""
    return told.code in _UNKNOWN_KEY


def not_s3(case: Case, what: str) -> Cause:
    """Something else than S3 answers there."""
    endpoint = case.store.settings.s3_endpoint or "AWS"
    text = f"what answers at {endpoint} is not S3: {what}"
    return Cause("not S3", text, f"set {case.setting('s3_endpoint')} to the S3 address of the store")


def cause_of_silence(case: Case, error: NoAnswer, *, setting: str = "s3_endpoint") -> Cause:
    """Why there was no answer at all."""
    return _silence(case, error.url, error.silence, error.detail, setting)


def cause_of_library(case: Case, error: BaseException, *, permission: str, resource: str = "") -> Cause:
    """Why the AWS library raised: what the store answered, that nobody answered, or what it found wrong
    before it sent anything."""
    for each in _chain(error):
        if isinstance(each, ClientError):
            return cause_of_answer(case, Told.by_error(each), permission=permission, resource=resource)
        if isinstance(each, NoAnswer):
            return cause_of_silence(case, each)
        if isinstance(each, aws.ConnectionError | aws.HTTPClientError):
            endpoint = case.store.settings.s3_endpoint or "AWS"
            return _silence(case, endpoint, silence_of(each), str(each), "s3_endpoint")
    return _before_a_request(case, error)


def _clock(case: Case, told: Told) -> Cause | None:
    says_so = (
        told.code == "RequestTimeTooSkewed"
        or told.has_server_time
        or any(words in told.message.lower() for words in _OF_THE_CLOCK)
    )
    problem = None if told.ahead_s is None else clock_problem(told.ahead_s, shortest_url_s(case))
    if problem is not None and problem.stops_everything and told.status in (400, 403):
        text = problem.text
    elif says_so:
        text = f"the clocks of this computer and of the store differ: {told.shown}"
    else:
        return None
    return Cause("clock", text, "set the clock, and have it kept by NTP (timedatectl set-ntp true)")


def _region(case: Case, told: Told) -> Cause:
    name = case.setting("s3_region")
    if told.region and told.region != case.store.region:
        text = (
            f"the bucket is in {told.region}, not in {case.store.region}: browsers cannot follow the store's"
            " redirect"
        )
        return Cause("region", text, f"{name} = {told.region}")
    if told.code.startswith("Authorization") and not told.region:
        return Cause("region", f"the store does not accept the region: {told.shown}", f"check {name}")
    text = f"the store redirects to another address ({told.shown}), which browsers cannot follow"
    return Cause("region", text, f"check {name} and {case.setting('s3_endpoint')}")


def _refused(case: Case, told: Told, permission: str, resource: str) -> Cause:
    of_what = f" on {resource}" if resource else ""
    page = f" ({case.permissions_page})" if case.permissions_page else ""
    if "kms" in told.message.lower() or told.code.startswith("KMS."):
        text = f"the KMS key does not allow the portal's keys to use it: {told.shown}"
        mend = "allow kms:GenerateDataKey and kms:Decrypt on that key"
        return Cause("kms", text, f"{mend}, or check {case.setting('s3_sse')}{page}")
    if not case.names_bad_keys:
        keys = f"{case.setting('s3_access_key_id')} and {case.setting('s3_secret_access_key')}"
        text = (
            f"the store refuses the keys ({told.shown}), and does not say whether they are wrong or lack"
            f" {permission}{of_what}"
        )
        return Cause("permission", text, f"check {keys}; then allow {permission}{of_what}{page}")
    text = f"the keys lack {permission}{of_what}: {told.shown}"
    return Cause("permission", text, f"allow {permission}{of_what}{page}")


def _silence(case: Case, url: str, silence: Silence, detail: str, setting: str) -> Cause:
    name = case.setting(setting)
    mends = {
        Silence.NO_SUCH_HOST: f"check the host in {name}, and this computer's name server",
        Silence.REFUSED: f"start the store, or check address and port in {name}",
        Silence.TIMEOUT: f"check {name}, and the firewalls between here and the store",
        Silence.TLS: (
            f"check that {name} is right about https and the host's name; for a certificate of your own set"
            " AWS_CA_BUNDLE"
        ),
        Silence.BROKEN: f"check {name}, and whether it should begin with http or https",
    }
    return Cause(silence.name, f"Could not connect to {url}: {silence.value}: {detail}", mends[silence])


def _before_a_request(case: Case, error: BaseException) -> Cause:
    name = case.setting
    for each in _chain(error):
        said = str(each).rstrip(".")
        if isinstance(each, aws.ProfileNotFound):
            return Cause("profile", said, f"check {name('s3_profile')} and AWS_PROFILE, or add the profile")
        if isinstance(each, aws.NoCredentialsError):
            text = "there are no keys: neither in the settings nor where boto3 looks for them"
            return Cause(
                "no keys", text, f"set {name('s3_access_key_id')} and {name('s3_secret_access_key')}"
            )
        if isinstance(
            each, aws.PartialCredentialsError | aws.CredentialRetrievalError | aws.MetadataRetrievalError
        ):
            return Cause(
                "no keys", said, "check where boto3 finds the keys: ~/.aws, environment, instance role"
            )
        if isinstance(each, aws.ConfigParseError | aws.ConfigNotFound):
            return Cause("configuration", said, "correct that file")
        if isinstance(each, aws.InvalidRegionError | aws.NoRegionError | aws.UnknownRegionError):
            return Cause("region", said, f"check {name('s3_region')}")
        if isinstance(each, aws.BotoCoreError):
            text = f"the AWS library cannot use the settings: {type(each).__name__}: {said}"
            return Cause(
                "library", text, f"check {name('s3_endpoint')}, {name('s3_region')} and ~/.aws/config"
            )
    innermost = next(iter(_chain(error)))
    text = f"{type(innermost).__name__}: {innermost}"
    return Cause("library", text, f"check {name('s3_endpoint')}, {name('s3_region')} and ~/.aws/config")


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, the innermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__
    return chain[::-1]
