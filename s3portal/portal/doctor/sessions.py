"""Check: session credentials work, and open nothing but what they are for.

They are what ``s3_role`` is set for: keys that a publisher holds, for one upload or one dataset. A store that
hands out credentials and refuses them, or that lets them open another dataset's keys, is found out by trying:
with the credentials as they are, and with their token altered. Ceph RGW 16 accepts one altered letter, and
then drops the session policy, since its tokens have no MAC.
"""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from s3portal.portal.doctor.altered_tokens import altered_tokens
from s3portal.portal.doctor.answer import Answer
from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.causes import Told, cause_of_answer, cause_of_silence
from s3portal.portal.doctor.connection import Connection, NoAnswer
from s3portal.portal.doctor.role import examine_role
from s3portal.portal.doctor.signing import signed_url
from s3portal.portal.doctor.workspace import Workspace
from s3portal.portal.findings import Finding
from s3portal.transfer import UPLOAD_ACTIONS, SessionCredentials, SigningKeys

_AT_A_TIME = 8
_TRIES = 3
_URL_EXPIRES_S = 900
_BODY = b"s3portal doctor"


@dataclass(frozen=True)
class Attempt:
    """The outcome of a request that must be refused: True if it was allowed, None if that is unknown."""

    what: str
    opened: bool | None


class SessionTrial:
    """Uses session credentials at the store, within the doctor's own corner of the bucket."""

    def __init__(
        self, case: Case, connection: Connection, space: Workspace, credentials: SessionCredentials
    ) -> None:
        self._case = case
        self._connection = connection
        self._space = space
        self._keys = SigningKeys(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        )

    def write(self, key: str, token: str | None = None) -> Answer:
        """PUTs a small object with the credentials, their token replaced where one is given. Raises
        NoAnswer."""
        return self._space.try_writing(key, lambda: self._send("PUT", key, {}, token, _BODY))

    def read(self, key: str) -> Answer:
        """GETs an object. Raises NoAnswer."""
        return self._send("GET", key, {}, None, None)

    def list_keys(self, prefix: str) -> Answer:
        """Lists keys of the bucket. Raises NoAnswer."""
        return self._send("GET", "", {"list-type": "2", "prefix": prefix}, None, None)

    def write_altered(self, key: str) -> list[Attempt]:
        """Tries to write the key with every altered token."""
        tokens = list(altered_tokens(self._keys.token or ""))
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(lambda token: attempted("", lambda: self.write(key, token)), tokens))

    def _send(
        self, method: str, key: str, query: dict[str, str], token: str | None, body: bytes | None
    ) -> Answer:
        keys = self._keys if token is None else self._keys._replace(token=token)
        url = signed_url(self._case.store, method, key, query, _URL_EXPIRES_S, keys)
        return self._connection.send(method, url, (), body)


def attempted(what: str, send: Callable[[], Answer]) -> Attempt:
    """Tries until the store says yes or no: some stores crash on tokens that they cannot read."""
    for _ in range(_TRIES):
        try:
            answer = send()
        except NoAnswer:
            continue
        if answer.status < 500:
            return Attempt(what, answer.is_success)
    return Attempt(what, None)


def examine_sessions(
    case: Case, connection: Connection, space: Workspace, foreign_key: str
) -> Generator[Finding, None, SessionCredentials | None]:
    """``foreign_key`` is that of an object of the doctor's which the credentials must not open. Returns
    credentials that work, None where there are none."""
    own_prefix = space.key("own/")
    credentials = yield from examine_role(case, own_prefix)
    if credentials is None:
        return None
    place, role = case.setting("s3_role"), case.store.settings.s3_role
    trial = SessionTrial(case, connection, space, credentials)
    try:
        answer = trial.write(f"{own_prefix}trial.bin")
    except NoAnswer as error:
        cause = cause_of_silence(case, error, setting="s3_public_endpoint")
        yield replace(case.wrong(role, cause.text, cause.mend), place=place)
        return None
    if not answer.is_success:
        yield replace(_refused(case, answer, own_prefix), place=place)
        return None
    opened = [attempt for attempt in _beyond(trial, space, foreign_key) if attempt.opened]
    if opened:
        yield replace(_ignored_policy(case, opened), place=place)
        return None
    altered = trial.write_altered(space.key("foreign/altered.bin"))
    yield replace(_judged(case, altered), place=place)
    return None if any(attempt.opened for attempt in altered) else credentials


def _beyond(trial: SessionTrial, space: Workspace, foreign_key: str) -> Iterable[Attempt]:
    """What the session policy does not allow."""
    foreign = space.key("foreign/trial.bin")
    yield attempted("write another dataset's files", lambda: trial.write(foreign))
    yield attempted("read another dataset's files", lambda: trial.read(foreign_key))
    yield attempted("list another dataset's files", lambda: trial.list_keys(space.all_runs_prefix))


def _refused(case: Case, answer: Answer, own_prefix: str) -> Finding:
    told, role = Told.by(answer), case.store.settings.s3_role
    if told.code in ("InvalidAccessKeyId", "InvalidToken", "InvalidClientTokenId"):
        text = (
            f"STS issues session credentials, but the store refuses all of them ({told.code}), so they are"
            " of no use"
        )
        mend = "make the store accept them; Ceph: rgw_s3_auth_use_sts = true, an rgw_sts_key of 16 characters"
        return case.wrong(role, text, mend)
    resource = f"{case.bucket_arn}/{own_prefix}*"
    cause = cause_of_answer(case, told, permission="s3:PutObject", resource=resource)
    if cause.kind == "permission":
        text = f"the role's session credentials may not upload: {told.shown}"
        actions = ", ".join(UPLOAD_ACTIONS)
        mend = f"allow the role {actions} on {case.bucket_arn}/*"
        return case.wrong(role, text, mend)
    return case.wrong(role, f"session credentials do not work: {cause.text}", cause.mend)


def _ignored_policy(case: Case, opened: list[Attempt]) -> Finding:
    text = (
        "this store ignores session policies: whoever has session credentials for one dataset can"
        f" {' and '.join(attempt.what for attempt in opened)}"
    )
    return case.wrong(case.store.settings.s3_role, text, _without_role(case))


def _judged(case: Case, altered: list[Attempt]) -> Finding:
    role = case.store.settings.s3_role
    opened = sum(attempt.opened is True for attempt in altered)
    unknown = sum(attempt.opened is None for attempt in altered)
    if opened:
        text = (
            f"{opened} of {len(altered)} session tokens with one altered letter opened another dataset's"
            " keys: this store does not authenticate its tokens, so a publisher who alters one may do"
            " everything that the role may do"
        )
        return case.wrong(role, text, _without_role(case))
    if unknown:
        text = (
            f"the store did not answer {unknown} of {len(altered)} altered session tokens,"
            " so it is not known whether it refuses them"
        )
        return case.look(role, text, "check the store's log, then run the doctor again")
    text = (
        "issues session credentials that open only their own keys;"
        f" {len(altered)} altered tokens were refused"
    )
    return case.ok(role, text)


def _without_role(case: Case) -> str:
    mode = case.setting("upload_mode")
    sts = f", and set {mode} = presigned" if case.store.settings.upload_mode == "sts" else ""
    return f"remove {case.setting('s3_role')}{sts}"
