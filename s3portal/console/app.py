"""The console as a WSGI application."""

from __future__ import annotations

import time

from flask import Flask, g, redirect, request, url_for
from flask.sessions import SecureCookieSessionInterface
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console import formats, texts
from s3portal.console.backend import Backend
from s3portal.console.cookies import SAID, cookie_name
from s3portal.console.database import ConsoleDatabase
from s3portal.console.errors import answer_errors
from s3portal.console.guards import FORM_FIELD, guard_answers
from s3portal.console.oidc.pages import oidc_pages
from s3portal.console.pages import PAGES, bucket_menu, menu
from s3portal.console.pages.operating import operating_menu
from s3portal.console.pages.pdf_frame import share_files_of_frame
from s3portal.console.pages.why import why_url
from s3portal.console.remembered import Sights
from s3portal.console.sessions import Sessions
from s3portal.console.settings import ConsoleSettings
from s3portal.console.sight import seen_sections, seen_tabs
from s3portal.console.sign_in import find_visit, form_token, sign_in_pages
from s3portal.console.throttle import Throttle
from s3portal.console.visit import Console, console
from s3portal.portal.web import web_folder, web_version

#: Everything is below it, so that a proxy can put the console beside something else.
ROOT = "/ui"
#: Forms hold documents at most; files go to the store.
_FORM_LIMIT_BYTES = 2 * 1024 * 1024


def create_console(backend: Backend, settings: ConsoleSettings | None = None) -> Flask:
    """Returns the application. It keeps its sessions in ``console.sqlite`` of the backend's folder."""
    settings = settings or ConsoleSettings()
    app = Flask(__name__, static_url_path=f"{ROOT}/static")
    # Of what Flask signs there are only the sentences that the next page shows.
    app.secret_key = backend.key
    app.session_interface = _SaidSentences()
    app.config.update(
        SESSION_COOKIE_PATH=ROOT,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=_FORM_LIMIT_BYTES,
        MAX_FORM_MEMORY_SIZE=_FORM_LIMIT_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    database = ConsoleDatabase(backend.folder / "console.sqlite")
    app.extensions["s3portal_console"] = Console(
        backend,
        settings,
        database,
        Sessions(database, time.time, settings.session_s, settings.idle_s),
        Throttle(time.monotonic, backend.failure_counts, "console"),
        Sights(time.monotonic),
    )
    _prepare_templates(app)
    guard_answers(app)
    share_files_of_frame(app)
    answer_errors(app)
    app.before_request(find_visit)
    app.register_blueprint(sign_in_pages, url_prefix=ROOT)
    app.register_blueprint(oidc_pages, url_prefix=ROOT)
    for pages in PAGES:
        app.register_blueprint(pages, url_prefix=ROOT)

    @app.get("/")
    @app.get(ROOT)
    @app.get(f"{ROOT}/")
    def home() -> AnyResponse:
        return redirect(url_for("buckets.show_all"))

    return app


class _SaidSentences(SecureCookieSessionInterface):
    """The cookie with the sentences that the next page shows."""

    def get_cookie_name(self, app: Flask) -> str:
        return cookie_name(SAID)

    def get_cookie_secure(self, app: Flask) -> bool:
        return console().is_secure()


def _prepare_templates(app: Flask) -> None:
    environment = app.jinja_env
    # The uploader's markup is every portal's.
    shared = FileSystemLoader(web_folder("templates"))
    environment.loader = ChoiceLoader([app.jinja_loader or shared, shared])
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=False)  # type: ignore[attr-defined]
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.finalize = formats.printable
    environment.filters.update(formats.FILTERS)
    environment.globals.update(
        _=texts.gettext,
        ngettext=texts.ngettext,
        menu=menu,
        seen_sections=seen_sections,
        seen_tabs=seen_tabs,
        bucket_menu=bucket_menu,
        csrf_token=form_token,
        operating_menu=operating_menu,
        why_url=why_url,
        web_version=web_version,
        csrf=_csrf_field,
        sign_in_providers=lambda: console().backend.sign_in.providers(),
    )

    @app.context_processor
    def always() -> dict[str, object]:
        return {
            "visit": g.get("visit"),
            "language": texts.language(),
            "here": request.path,
        }


def _csrf_field() -> Markup:
    """The hidden field that every form has."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, form_token())
