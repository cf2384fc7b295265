"""Session credentials are used, and a store that gives more with them than it should is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from doctor_cases import Examine
from store_front import Asked, Said, StoreFront, s3_error

from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.causes import Told
from s3portal.portal.doctor.role import role_cause
from s3portal.server.access.session_tokens import Session, SessionSealer
from s3portal.server.pytest_plugin import ROLE_ARN
from s3portal.server.wire.errors import S3Error
from s3portal.transfer import TransferSettings, open_store


@pytest.fixture
def examine(examine: Examine) -> Examine:
    """Asks the doctor of a portal with a role."""
    return lambda **arguments: examine(**{"s3_role": ROLE_ARN, **arguments})


@pytest.fixture
def without_mac(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the server accept tokens with another letter, as Ceph RGW 16 does: an altered one has no session
    policy any more. Of so many altered ones it accepts every n-th."""

    def weaken(every: int) -> None:
        sealed: list[tuple[str, Session]] = []
        seen = [0]
        seal, opened = SessionSealer.seal, SessionSealer.open

        def remembering(self: SessionSealer, session: Session) -> str:
            token = seal(self, session)
            sealed.append((token, session))
            return token

        def lenient(self: SessionSealer, token: str, access_key_id: str) -> Session:
            try:
                return opened(self, token, access_key_id)
            except S3Error:
                seen[0] += 1
                for genuine, session in sealed:
                    different = sum(a != b for a, b in zip(genuine, token, strict=False))
                    if len(genuine) == len(token) and different == 1 and seen[0] % every == 0:
                        return replace(session, policy="")
                raise

        monkeypatch.setattr(SessionSealer, "seal", remembering)
        monkeypatch.setattr(SessionSealer, "open", lenient)

    return weaken


@pytest.mark.parametrize(("every", "opened"), [(1, 64), (3, 21), (64, 1)])
def test_tokens_that_may_be_altered_are_refused(
    examine: Examine,
    without_mac: Callable[[int], None],
    remains: Callable[[], list[str]],
    every: int,
    opened: int,
) -> None:
    without_mac(every)

    finding = examine(upload_mode="sts").one("wrong")

    assert finding.place == "portal.s3_role"
    assert (
        f"{opened} of 64 session tokens with one altered letter opened another dataset's keys" in finding.text
    )
    assert finding.mend == "remove portal.s3_role, and set portal.upload_mode = presigned"
    assert remains() == []


def test_a_store_that_ignores_session_policies_is_refused(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, remains: Callable[[], list[str]]
) -> None:
    seal = SessionSealer.seal
    monkeypatch.setattr(SessionSealer, "seal", lambda self, session: seal(self, replace(session, policy="")))

    finding = examine().one("wrong")

    assert "ignores session policies" in finding.text
    for what in ("write", "read", "list"):
        assert f"{what} another dataset's files" in finding.text
    assert finding.mend == "remove portal.s3_role"
    assert remains() == []


def test_credentials_that_the_store_does_not_know_are_told_with_cephs_setting(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(self: SessionSealer, token: str, access_key_id: str) -> Session:
        raise S3Error("InvalidAccessKeyId")

    monkeypatch.setattr(SessionSealer, "open", unknown)

    finding = examine().one("wrong")

    assert "refuses all of them (InvalidAccessKeyId)" in finding.text
    assert "rgw_s3_auth_use_sts = true" in finding.mend


def test_a_store_that_falls_over_at_altered_tokens_is_not_called_safe(
    examine: Examine, front: StoreFront
) -> None:
    front.instead = lambda asked: Said(500) if "foreign/altered" in asked.path else None

    finding = examine(s3_endpoint=front.endpoint).one("look")

    assert "did not answer 64 of 64 altered session tokens" in finding.text


def test_a_store_that_falls_over_now_and_then_is_asked_again(examine: Examine, front: StoreFront) -> None:
    fallen = set()

    def once(asked: Asked) -> Said | None:
        token = asked.query.get("X-Amz-Security-Token", [""])[0]
        if asked.method == "PUT" and "foreign/altered" in asked.path and token not in fallen:
            fallen.add(token)
            return Said(502)
        return None

    front.instead = once

    examined = examine(s3_endpoint=front.endpoint)

    assert examined.is_well, examined.complaints
    assert len(fallen) == 64


def test_a_preflight_whose_signature_is_checked_is_told(examine: Examine, front: StoreFront) -> None:
    # What a preflight has, Ceph RGW checks: the host. A token whose URL signs more than that fails.
    def like_rgw(asked: Asked) -> Said | None:
        signed = asked.query.get("X-Amz-SignedHeaders", ["host"])[0]
        is_temporary = "X-Amz-Security-Token" in asked.query
        if asked.method == "OPTIONS" and is_temporary and signed != "host":
            return s3_error(403, "SignatureDoesNotMatch")
        return None

    front.instead = like_rgw
    own = examine(s3_endpoint=front.endpoint, upload_mode="sts")
    assert own.is_well, own.complaints

    front.instead = lambda asked: (
        s3_error(403, "AccessDenied") if asked.method == "OPTIONS" and asked.query else None
    )
    finding = examine(s3_endpoint=front.endpoint, s3_role="").one("wrong")

    assert "checks the signature of a preflight" in finding.text
    assert "portal.s3_access_key_id" in finding.mend


def test_a_role_that_may_do_less_than_an_upload_needs(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: s3_error(403, "AccessDenied") if "/own/" in asked.path else None

    finding = examine(s3_endpoint=front.endpoint).one("wrong")

    assert "may not upload" in finding.text
    assert "allow the role s3:PutObject" in finding.mend


def test_sts_at_an_address_where_no_one_listens_is_not_the_roles_fault(examine: Examine) -> None:
    finding = examine(s3_sts_endpoint="http://127.0.0.1:9").one("wrong")

    assert "STS at http://127.0.0.1:9" in finding.text
    assert "portal.s3_sts_endpoint" in finding.mend
    assert "trust" not in finding.mend


def test_a_role_that_is_not_there_is_told_with_whose_keys_asked(examine: Examine) -> None:
    finding = examine(s3_role="arn:aws:iam::000000000000:role/no-such-role").one("wrong")

    assert finding.place == "portal.s3_role"
    assert "the portal's keys (arn:aws:iam::000000000000:user/portal) may not assume the role" in finding.text
    assert "trust policy" in finding.mend
    assert "administrator" not in finding.text + finding.mend


@pytest.mark.parametrize(
    ("told", "kind", "mend"),
    [
        (Told(404, "NoSuchEntity", "gone"), "role", "create the role, or correct portal.s3_role"),
        (
            Told(403, "AccessDenied", "because no identity-based policy allows the sts:AssumeRole action"),
            "permission",
            "allow arn:me sts:AssumeRole",
        ),
        (
            Told(403, "AccessDenied", "because no resource-based policy allows the sts:AssumeRole action"),
            "trust",
            "trust policy name arn:me",
        ),
        (Told(400, "InvalidAction", "no AssumeRole"), "no STS", "portal.s3_sts_endpoint"),
        (Told(501, "NotImplemented"), "no STS", "remove portal.s3_role"),
        (Told(404), "role", "correct portal.s3_role or portal.s3_sts_endpoint"),
        (Told(405), "no STS", "portal.s3_sts_endpoint"),
        (
            Told(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration"),
            "duration",
            "lower portal.credentials_expires",
        ),
        (
            Told(400, "ValidationError", "1 validation error detected: roleArn"),
            "role",
            "check portal.s3_role",
        ),
        (Told(400, "PackedPolicyTooLarge"), "policy", "shorten portal.s3_prefix"),
        (Told(403, "InvalidClientTokenId"), "key", "portal.s3_access_key_id"),
        (Told(403, "SignatureDoesNotMatch"), "secret", "portal.s3_secret_access_key"),
        (Told(403, "SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than"), "clock", "NTP"),
        (Told(403, "ExpiredToken"), "token", "portal.s3_session_token"),
        (Told(403, "RegionDisabledException"), "region", "Account settings"),
    ],
)
def test_what_sts_answers(told: Told, kind: str, mend: str) -> None:
    case = Case(
        place="store",
        store=open_store(TransferSettings(s3_bucket="river-data", s3_role=ROLE_ARN)),
        site_url="https://data.example.org",
        host="data.example.org",
        command="portal doctor",
        setting=lambda name: f"portal.{name}",
    )

    cause = role_cause(case, told, lambda: "arn:me")

    assert (cause.kind, mend in cause.mend) == (kind, True), cause
