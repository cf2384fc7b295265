"""Signing in with an identity provider: to it, back from it, and as what.

The session's cookie is SameSite=Strict, and browsers keep such cookies back while another site leads them.
So each step ends with a page of the console that leads on, and not with a redirect; it works without
scripts, and forms lead to the console alone.
Source: https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict

from botocore.exceptions import ClientError
from flask import Blueprint, Response, abort, g, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.cookies import OIDC_ATTEMPT, VISITOR, cookie_of, delete_cookie, set_cookie
from s3portal.console.gateway_client import Key, Visitor
from s3portal.console.oidc import attempts
from s3portal.console.oidc.attempts import Attempt
from s3portal.console.oidc.exchange import id_token_of
from s3portal.console.oidc.farewell import own_origin
from s3portal.console.oidc.problems import ProviderFailed
from s3portal.console.oidc.sealing import seal, unseal
from s3portal.console.sessions import person_of, subject_of
from s3portal.console.sign_in import page_wanted, set_session_cookie
from s3portal.console.texts import gettext as _
from s3portal.console.visit import console
from s3portal.server.web_sign_in import (
    ConsoleClient,
    OfferedRole,
    OidcProvider,
    ShownIdentity,
    SignInRefused,
)

_CHOICE, _CHOICE_LIFETIME_S = "choice of a role", 10 * 60
_SESSION_NAME_LIMIT = 64
_CODE_LIMIT_CHARACTERS = 4096

oidc_pages = Blueprint("oidc", __name__)
log = logging.getLogger(__name__)


class _Refused(Exception):
    """Nobody is signed in; the message is for them."""

    def __init__(self, sentence: str, status: int = 403) -> None:
        super().__init__(sentence)
        self.status = status


@oidc_pages.errorhandler(_Refused)
def refused(problem: _Refused) -> AnyResponse:
    page = render_template("console/oidc_refused.html", sentence=str(problem))
    return Response(page, problem.status)


@oidc_pages.post("/oidc/<name>")
def start(name: str) -> AnyResponse:
    provider, client = _provider(name)
    _refuse_guessers()
    redirect_uri = own_origin(console()) + url_for("oidc.come_back", name=name)
    attempt = attempts.new_attempt(provider.issuer, redirect_uri, page_wanted())
    try:
        url = attempt.url(console().endpoints.of(provider, client), client)
    except ProviderFailed as problem:
        raise _failed(provider, client, problem) from problem
    answer = _lead_on(url, client.label)
    cookie = attempt.sealed(console().backend.key)
    # Lax: the provider's site leads back here.
    set_cookie(answer, OIDC_ATTEMPT, cookie, same_site="Lax", lifetime_s=attempts.LIFETIME_S)
    return answer


@oidc_pages.get("/oidc/<name>/callback")
def come_back(name: str) -> AnyResponse:
    provider, client = _provider(name)
    _refuse_guessers()
    attempt = _attempt_of_this_browser(provider)
    try:
        identity, token = _identity(provider, client, attempt)
    except _Refused:
        # Each was an attempt that had begun here, so no other site can use them up.
        console().throttle.failed(_source())
        raise
    if not identity.roles:
        raise _Refused(
            _(
                "%(provider)s knows you as %(subject)s, but no role of this server is open to you. Ask its "
                "administrator for one.",
                provider=client.label,
                subject=identity.subject,
            )
        )
    console().throttle.succeeded(_source())
    person = person_of(identity.issuer, identity.subject)
    if len(identity.roles) == 1:
        answer = _signed_in(identity.roles[0], token, person, attempt.back)
    else:
        answer = _ask_for_role(identity.roles, token, person, attempt.back, client)
    delete_cookie(answer, OIDC_ATTEMPT)
    return answer


@oidc_pages.post("/oidc")
def choose() -> AnyResponse:
    chosen = unseal(console().backend.key, _CHOICE, request.form.get("sealed", ""))
    if chosen is None or chosen["visitor"] != g.form_number:
        raise _Refused(_too_old(), 400)
    arn = request.form.get("role", "")
    role = next((one for one in chosen["roles"] if one["arn"] == arn), None)
    if role is None:
        abort(400)
    return _signed_in(OfferedRole(**role), chosen["token"], chosen["person"], chosen["back"])


def _provider(name: str) -> tuple[OidcProvider, ConsoleClient]:
    found = next((one for one in console().backend.sign_in.providers() if one[1].name == name), None)
    return found or abort(404)


def _source() -> str:
    # Not that of keys: while a provider is out of order, people go on to sign in with theirs.
    return f"provider's answers to {request.remote_addr}"


def _refuse_guessers() -> None:
    wait_s = console().throttle.wait_s(_source())
    if wait_s > 0:
        sentence = _("Too many failed attempts. Try again in %(seconds)s seconds.", seconds=int(wait_s) + 1)
        raise _Refused(sentence, 429)


def _attempt_of_this_browser(provider: OidcProvider) -> Attempt:
    """Returns the attempt that this answer of a provider belongs to, which is used up then. An answer that
    another browser, another provider or another time has asked for is refused."""
    cookie = cookie_of(OIDC_ATTEMPT) or ""
    attempt = attempts.attempt_of(console().backend.key, cookie)
    states = request.args.getlist("state")
    if attempt is None or attempt.issuer != provider.issuer or len(states) != 1:
        raise _Refused(_too_old(), 400)
    if not hmac.compare_digest(states[0].encode(), attempt.state.encode()):
        raise _Refused(_too_old(), 400)
    if not attempts.use_once(console().database, attempt):
        raise _Refused(_too_old(), 400)
    return attempt


def _identity(provider: OidcProvider, client: ConsoleClient, attempt: Attempt) -> tuple[ShownIdentity, str]:
    """Returns who came back, and their ID token."""
    given = {name: request.args.getlist(name) for name in ("iss", "code", "error")}
    if any(len(values) > 1 for values in given.values()):
        raise _Refused(_too_old(), 400)
    issuers, codes, errors = given.values()
    try:
        endpoints = console().endpoints.of(provider, client)
        # RFC 9207, section 2.4
        if issuers != [provider.issuer] and (issuers or endpoints.names_issuer):
            raise ProviderFailed(f"the answer names {issuers} as its issuer")
        if errors:
            log.info("%s refused a sign-in: %.100r", provider.issuer, errors[0])
            raise _Refused(_("%(provider)s did not sign you in.", provider=client.label))
        if not codes or not 0 < len(codes[0]) <= _CODE_LIMIT_CHARACTERS:
            raise ProviderFailed("the answer has neither a code nor an error")
        token = id_token_of(codes[0], attempt, endpoints, client)
        return _checked(token, provider, client, attempt), token
    except ProviderFailed as problem:
        raise _failed(provider, client, problem) from problem


def _checked(token: str, provider: OidcProvider, client: ConsoleClient, attempt: Attempt) -> ShownIdentity:
    """Has the server check a token, and sees whether it is this provider's answer to this attempt.

    Source: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation, 2, 3, 4, 5 and 11
    """
    # As AssumeRoleWithWebIdentity will see it.
    is_secure = request.scheme == "https"
    try:
        found = console().backend.sign_in.open(token, _session_name, request.remote_addr or "", is_secure)
    except SignInRefused as problem:
        raise ProviderFailed(str(problem)) from problem
    if found.issuer != provider.issuer:
        raise ProviderFailed(f"the ID token is of {found.issuer}")
    is_shared = len(found.audiences) > 1
    if client.client_id not in found.audiences or (
        found.authorised_party != client.client_id and (is_shared or found.authorised_party is not None)
    ):
        raise ProviderFailed("the ID token is for another client")
    if not hmac.compare_digest((found.nonce or "").encode(), attempt.nonce.encode()):
        raise ProviderFailed("the ID token has not the nonce of this sign-in")
    return found


def _ask_for_role(
    roles: Sequence[OfferedRole], token: str, person: str, back: str, client: ConsoleClient
) -> AnyResponse:
    # The page has a token of its own, with which no other page can choose.
    g.form_number = secrets.token_urlsafe(24)
    content = {
        "visitor": g.form_number,
        "token": token,
        "person": person,
        "roles": [asdict(role) for role in roles],
        "back": back,
    }
    sealed = seal(console().backend.key, _CHOICE, content, _CHOICE_LIFETIME_S)
    page = render_template("console/oidc_role.html", roles=roles, sealed=sealed, provider=client.label)
    answer = Response(page)
    set_cookie(answer, VISITOR, g.form_number)
    return answer


def _signed_in(role: OfferedRole, token: str, person: str, back: str) -> AnyResponse:
    """Begins a session with temporary credentials of a role, which AssumeRoleWithWebIdentity grants."""
    visitor = Visitor(request.remote_addr or "", request.scheme)
    # The operation takes no signature.
    sts = console().clients.client("sts", Key("unsigned", "unsigned"), visitor)
    try:
        granted = sts.assume_role_with_web_identity(
            RoleArn=role.arn,
            RoleSessionName=_session_name(subject_of(person)),
            WebIdentityToken=token,
            DurationSeconds=min(role.session_s, max(console().settings.session_s, 900)),
        )["Credentials"]
    except ClientError as problem:
        log.warning("nobody was signed in as %s: %s", role.arn, problem)
        if problem.response["Error"]["Code"] == "ExpiredTokenException":
            raise _Refused(_too_old(), 400) from problem
        raise _Refused(_("The role %(role)s is not open to you any more.", role=role.name)) from problem
    if g.visit:
        console().sessions.end(g.visit.session)
    session = console().sessions.begin(
        granted["AccessKeyId"],
        granted["SessionToken"],
        granted["Expiration"].timestamp(),
        request.remote_addr or "",
        request.headers.get("User-Agent", ""),
        person,
    )
    g.visit = None
    answer = _lead_on(back or url_for("buckets.show_all"), _("S3 console"))
    key = Key(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])
    set_session_cookie(answer, session, key)
    delete_cookie(answer, VISITOR)
    return answer


def _lead_on(url: str, place: str) -> AnyResponse:
    return Response(render_template("console/leading_on.html", url=url, place=place))


def _session_name(subject: str) -> str:
    """Returns the name of a session by whom it is of, in the characters that STS takes."""
    return re.sub(r"[^\w+=,.@-]", "-", subject, flags=re.ASCII)[:_SESSION_NAME_LIMIT].ljust(2, "-")


def _failed(provider: OidcProvider, client: ConsoleClient, problem: Exception) -> _Refused:
    log.warning("signing in with %s failed: %s", provider.issuer, problem)
    return _Refused(
        _(
            "Signing in with %(provider)s did not work. The reason is in the server's log. Please try again "
            "later.",
            provider=client.label,
        ),
        502,
    )


def _too_old() -> str:
    return _("This sign-in was begun in another window, or too long ago. Please begin again.")
