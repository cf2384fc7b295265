"""The dialog of a direct upload: Indico's own form for materials, with the uploader in place of its file
field.
"""

from flask import current_app, session
from indico.modules.attachments.forms import AttachmentFormBase
from jinja2 import Undefined
from markupsafe import Markup
from wtforms.fields import Field
from wtforms.validators import DataRequired

from indico_plugin import _
from indico_plugin.direct_upload.permission import size_limit
from indico_plugin.web_modules import web_url
from s3portal.portal.web import script_of, web_folder

#: Files in one dialog, which is saved in one request.
MOST_FILES = 50


class UploadIdsField(Field):
    """The ids of the uploads that the form is saved with: the uploader's hidden inputs, which have one
    name.
    """

    def process_formdata(self, valuelist):
        self.data = list(dict.fromkeys(filter(None, valuelist)))
        if len(self.data) > MOST_FILES:
            raise ValueError(_("Please save at most {count} files at a time.").format(count=MOST_FILES))


class DirectUploadForm(AttachmentFormBase):
    """Folder, protection and access list as of a normal upload, and the ids of the uploads."""

    # The uploader's markup, the same in every portal, has this field. It is none of WTForms' hidden fields,
    # which Indico would put into the page a second time.
    upload_ids = UploadIdsField(
        _("File"), [DataRequired(_("Choose a file first."))], name="s3multipart_upload_id"
    )


def uploader_markup(
    api: str, upload_id: str | None, *, several: bool = False, own_texts: dict | None = None
) -> Markup:
    """The uploader, whose calls go to addresses below ``api``."""
    source = (web_folder("templates") / "s3portal" / "uploader.html").read_text("utf-8")
    limit, script = size_limit(), script_of("indico/materials")
    # Rendered by Jinja with escaping on, as any template.
    return Markup(  # noqa: S704
        # Indico takes a variable that is not given for a mistake; the template has defaults for those.
        current_app.jinja_env.overlay(undefined=Undefined)
        .from_string(source)
        .render(
            # A template without a name is otherwise translated as Indico's own.
            _=_,
            owner="",
            script_url=web_url(script.path),
            module_urls=[web_url(path) for path in script.modules],
            api=api.rstrip("/"),
            locale=(session.lang or "en").replace("_", "-"),
            max_size=limit[0] if limit else 0,
            upload_id=upload_id or "",
            several=several,
            several_note=_("Each file becomes its own material, with the settings below."),
            own_texts=own_texts or {},
            button_class="i-button",
            module="s3portal-indico",
        )
    )
