"""Uploads from the browser: the page with the uploader, the calls of the upload protocol, and its scripts."""

from __future__ import annotations

import time

from flask import Blueprint, abort, jsonify, render_template, request, send_from_directory, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console import texts
from s3portal.console.pages.objects import crumbs_of
from s3portal.console.texts import gettext as _
from s3portal.console.uploads.giving_up import give_up
from s3portal.console.uploads.portal import ConsoleCaller, ConsolePortal
from s3portal.console.uploads.rows import ConsoleRows, Folder
from s3portal.console.visit import console, visit
from s3portal.portal.protocol import CALLS, shown, upload_id
from s3portal.portal.web import script_of, web_folder, web_headers, web_version
from s3portal.transfer import (
    InvalidRequest,
    KnownAnswer,
    Problem,
    Store,
    TransferError,
    TransferSettings,
    open_store,
    retry_after_s,
)

#: Files of one page at a time.
_SEVERAL = True
_NAMES = {
    name.replace("_", "-"): name for name in ("create", "sign_parts", "show", "list", "complete", "abort")
}


class OwnServer:
    """What is known of our own server without trying it: a StoreMemory."""

    def read(self, store: str, question: str) -> KnownAnswer | None:
        return KnownAnswer("CRC64NVME", "the server is our own") if question.startswith("checksum") else None

    def write(self, store: str, question: str, answer: KnownAnswer) -> None:
        """Nothing is found out."""


upload_pages = Blueprint("uploading", __name__)


@upload_pages.get("/buckets/<bucket>/upload")
def show(bucket: str) -> str:
    prefix = request.args.get("prefix", "")
    visit().s3.head_bucket(Bucket=bucket)
    return render_template(
        "console/upload.html",
        bucket=bucket,
        prefix=prefix,
        crumbs=list(crumbs_of(prefix)),
        uploader=_uploader(url_for("uploading.show", bucket=bucket)),
        loader_url=_web_url("src/console/page.js"),
    )


@upload_pages.post("/buckets/<bucket>/upload/<call>")
def answer(bucket: str, call: str) -> AnyResponse:
    name = _NAMES.get(call) or abort(404)
    folder = Folder(bucket, request.args.get("prefix", ""))
    rows = ConsoleRows(console().database, time.time)
    caller = ConsoleCaller(ConsolePortal(rows, _open_bucket), visit().identity["Arn"], folder)
    try:
        given = request.get_json(silent=True)
        if not isinstance(given, dict):
            raise InvalidRequest(field="body", problem=Problem.NO_OBJECT)
        if name == "abort":
            result = shown(caller.portal, give_up(caller, upload_id(given)))
        else:
            result = CALLS[name](caller, given)
    except TransferError as refused:
        refusal = jsonify({**refused.as_dict(), "message": refused.message(_)})
        refusal.status_code = refused.http_status
        if (wait_s := retry_after_s(refused)) is not None:
            refusal.headers["Retry-After"] = str(wait_s)
        return refusal
    if name == "complete":
        rows.finish(str(given["id"]))
    return jsonify(result)


@upload_pages.get("/web/<version>/<path:path>")
def web(version: str, path: str) -> AnyResponse:
    headers = web_headers(path, version) or abort(404)
    file = send_from_directory(web_folder("js"), path)
    file.headers.update(headers)
    return file


def _open_bucket(bucket: str) -> Store:
    """The bucket as the visitor reaches it: requests go to the gateway in this process, and links to where
    browsers find the store."""
    key, shared = visit().key, console()
    store = open_store(
        TransferSettings(
            s3_bucket=bucket,
            s3_region=shared.backend.region,
            s3_endpoint=shared.clients.endpoint,
            s3_public_endpoint=shared.store_url(),
            s3_addressing_style="path",
            s3_access_key_id=key.access_key_id,
            s3_secret_access_key=key.secret_access_key,
            s3_session_token=key.session_token or "",
            checksum="crc64nvme",
        ),
        OwnServer(),
    )
    shared.clients.lead_inside(store.client(), visit().visitor)
    return store


def _uploader(api: str) -> Markup:
    script = script_of("console/upload")
    page = render_template(
        "s3portal/uploader.html",
        owner="",
        script_url=_web_url(script.path),
        module_urls=[_web_url(path) for path in script.modules],
        api=api,
        locale=texts.language(),
        several=_SEVERAL,
        several_note=_("Each file becomes an object of its own."),
        own_texts={"complete": _("✓ Uploaded and verified: it is an object now.")},
        button_class="button",
        module="s3portal-console",
    )
    return Markup(page)  # noqa: S704  (rendered with escaping on)


def _web_url(path: str) -> str:
    return url_for("uploading.web", version=web_version(), path=path)
