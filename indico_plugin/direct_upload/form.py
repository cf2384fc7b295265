"""The dialog of a direct upload: Indico's own form for materials, with the uploader in place of its file
field.
"""

from flask import current_app, session
from indico.modules.attachments.forms import AttachmentFormBase
from jinja2 import Undefined
from markupsafe import Markup
from wtforms.fields import StringField
from wtforms.validators import DataRequired

from indico_plugin import _
from indico_plugin.direct_upload.permission import size_limit
from indico_plugin.web_modules import web_url
from s3portal.web import module_graph, web_folder

_DIALOG_MODULE = "src/indico-materials.js"


class DirectUploadForm(AttachmentFormBase):
    """Folder, protection and access list as of a normal upload, and the id of the upload."""

    # The uploader's markup, the same in every portal, has this field. It is none of WTForms' hidden fields,
    # which Indico would put into the page a second time.
    upload_id = StringField(
        _("File"), [DataRequired(_("Choose a file first."))], name="s3multipart_upload_id"
    )


def uploader_markup(dialog_url: str, upload_id: str | None) -> Markup:
    """The uploader, whose calls go to addresses below the dialog's own."""
    source = (web_folder("templates") / "s3portal" / "uploader.html").read_text("utf-8")
    limit = size_limit()
    # Rendered by Jinja with escaping on, as any template.
    return Markup(  # noqa: S704
        # Indico takes a variable that is not given for a mistake; the template has defaults for those.
        current_app.jinja_env.overlay(undefined=Undefined)
        .from_string(source)
        .render(
            # A template without a name is otherwise translated as Indico's own.
            _=_,
            owner="",
            script_url=web_url(_DIALOG_MODULE),
            module_urls=[web_url(path) for path in module_graph(_DIALOG_MODULE)],
            api=dialog_url.rstrip("/"),
            locale=(session.lang or "en").replace("_", "-"),
            max_size=limit[0] if limit else 0,
            upload_id=upload_id or "",
            own_texts={"one_file": _("Please choose one file: each becomes a material of its own.")},
            button_class="i-button",
            module="s3portal-indico",
        )
    )
