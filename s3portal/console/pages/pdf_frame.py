"""The frame in which pdf.js draws the pages of a PDF. The console serves it, but gives it no rights.

Browsers show no PDF in a sandboxed frame (https://issues.chromium.org/issues/41131921), so pdf.js has to.
Anyone may have written the PDF. A bug in pdf.js must not open the console to its author, so the script runs
in an opaque origin: no cookies, no storage, no network, no dialogs, no windows. The policy is a header of the
page, so it also applies if somebody opens the page directly, outside the frame.
Source: https://www.w3.org/TR/CSP3/#directive-sandbox
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, make_response, render_template, request

#: Folders of static files that the frame loads. They are of another origin than it is, and nobody's secret.
_SHARED = ("pdfjs/", "pdf_frame/")
_POLICY = "; ".join(
    (
        "sandbox allow-scripts",
        "default-src 'none'",
        "script-src 'self'",
        # Its own origin is none that a worker's address could have.
        "worker-src blob:",
        "style-src 'self'",
        "img-src blob: data:",
        "connect-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)

pdf_frame = Blueprint("pdf_frame", __name__)


@pdf_frame.get("/pdf-frame")
def show() -> Response:
    answer = make_response(render_template("console/pdf_frame.html"))
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def share_files_of_frame(app: Flask) -> None:
    """Lets pages of an opaque origin load the static files of the frame, and no others."""

    @app.after_request
    def share(answer: Response) -> Response:
        file = (request.view_args or {}).get("filename", "")
        if request.endpoint == "static" and file.startswith(_SHARED):
            answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer
