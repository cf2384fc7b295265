"""Replacing the file of a material by a direct upload: a field in Indico's own dialog for editing it.

Indico lets plugins add fields to its forms, and tells them when one is valid; the file is replaced then,
in the transaction in which Indico saves the rest of the form.
"""

from flask import g, request, session
from flask_pluginengine import render_plugin_template
from indico.core.db import db
from indico.core.plugins import url_for_plugin
from indico.modules.attachments.forms import EditAttachmentFileForm
from indico.modules.attachments.models.attachments import Attachment, AttachmentType
from markupsafe import Markup

from indico_plugin import _
from indico_plugin.direct_upload import uploads
from indico_plugin.direct_upload.attach import replace_file
from indico_plugin.direct_upload.form import UploadIdsField, uploader_markup
from indico_plugin.direct_upload.permission import may_upload_directly, require_direct_uploads
from indico_plugin.direct_upload.states import UploadState
from indico_plugin.web_modules import web_url
from s3portal.transfer import TransferError

FIELD = "s3multipart_upload_id"


class ReplacementField(UploadIdsField):
    """The uploader, for one file."""

    def widget(self, field, **kwargs) -> Markup:
        """The markup of the field; its calls go to addresses below the material's own."""
        attachment, _linked_object = _edited()
        markup = uploader_markup(
            url_for_plugin("storage_s3.replace_file", attachment),
            next(iter(field.data or ()), None),
            own_texts={"invitation": _("To replace the file, drop another one here, or")},
        )
        return Markup(  # noqa: S704 (rendered with escaping on)
            render_plugin_template("storage_s3:replacement.html", uploader=markup, web_url=web_url)
        )


def replacement_field(form_class: type, **kwargs) -> tuple[str, ReplacementField] | None:
    """The additional field, for those who may; for Indico's signal ``add_form_fields``."""
    attachment, linked_object = _edited()
    if attachment is None or not may_upload_directly(linked_object, session.user):
        return None
    description = _(
        "A file of any size: it goes straight to the file storage, and can be paused and resumed."
    )
    return "replacement", ReplacementField(_("Large file"), name=FIELD, description=description)


def replace_on_save(form, **kwargs) -> bool | None:
    """Replaces the file where a valid form has an upload; False refuses the form. For ``form_validated``."""
    ids = list(filter(None, request.form.getlist(FIELD))) if isinstance(form, EditAttachmentFileForm) else []
    attachment, linked_object = _edited()
    if not ids or attachment is None:
        return None
    field = getattr(form, "ext__replacement", form.file)
    if form.file.data["added"]:
        return _refuse(field, _("You chose two files. Please remove one of them."))
    try:
        require_direct_uploads(linked_object, session.user)
        _replace(attachment, ids[-1])
    except TransferError as refusal:
        db.session.rollback()
        return _refuse(field, refusal.message(_))
    return None


def _replace(attachment: Attachment, upload_id: str) -> None:
    row = uploads.find(upload_id, attachment, session.user)
    if row.state == UploadState.ATTACHED and attachment.file_id == row.file_id:
        # The request of a moment ago, again.
        return
    uploads.complete_if_open(row)
    replace_file(uploads.find(upload_id, attachment, session.user, lock=True), attachment, session.user)


def _edited() -> tuple[Attachment | None, db.Model | None]:
    """The material that this request is about, and the object that it belongs to."""
    handler = g.get("rh")
    attachment = getattr(handler, "attachment", None)
    if attachment is None or attachment.type != AttachmentType.file:
        return None, None
    return attachment, getattr(handler, "object", None)


def _refuse(field, sentence: str) -> bool:
    field.errors = [*field.errors, sentence]
    return False
