"""The upload protocol over HTTP: POST with JSON, a request handler a call, and the dialog that speaks it.

Each handler exists twice, for events (with their sessions and contributions) and for categories. Login, the
right to manage materials, locked events and CSRF are checked by the bases, which are Indico's own.
"""

from flask import flash, jsonify, request, session
from indico.core.db import db
from indico.modules.attachments.controllers.management.base import (
    _get_folders_protection_info,
    _render_attachment_list,
    _render_protection_message,
)
from indico.modules.attachments.controllers.management.category import RHCategoryAttachmentManagementBase
from indico.modules.attachments.controllers.management.event import RHEventAttachmentManagementBase
from indico.modules.attachments.controllers.util import SpecificAttachmentMixin
from indico.modules.attachments.models.attachments import AttachmentType
from indico.modules.attachments.models.folders import AttachmentFolder
from indico.util.i18n import ngettext
from indico.web.util import jsonify_data, jsonify_template
from werkzeug.exceptions import Forbidden, NotFound

from indico_plugin import _
from indico_plugin.direct_upload import uploads
from indico_plugin.direct_upload.access_list import set_access_list
from indico_plugin.direct_upload.attach import announce, attach
from indico_plugin.direct_upload.caller import IndicoCaller
from indico_plugin.direct_upload.form import DirectUploadForm, uploader_markup
from indico_plugin.direct_upload.permission import require_direct_uploads
from indico_plugin.direct_upload.states import UploadState
from indico_plugin.web_modules import web_url
from s3portal.portal.protocol import CALLS
from s3portal.transfer import (
    InvalidRequest,
    NotAllowed,
    Problem,
    TransferError,
    retry_after_s,
)


class DirectUploadMixin:
    """One call: what it is given is JSON, and so is every answer, also a refusal."""

    #: The call's name in the protocol.
    call = ""

    def _check_access(self):
        super()._check_access()  # type: ignore[misc]
        try:
            require_direct_uploads(self.object, session.user)
        except NotAllowed as refusal:
            raise Forbidden(response=_refusal(refusal)) from refusal

    def _process(self):
        try:
            given = request.get_json(silent=True)
            if not isinstance(given, dict):
                raise InvalidRequest(field="body", problem=Problem.NO_OBJECT)
            caller = IndicoCaller(session.user, self.owner, self.object)
            return jsonify(CALLS[self.call](caller, given))
        except TransferError as refusal:
            # Indico commits what comes with an answer, also with this one.
            db.session.rollback()
            return _refusal(refusal)

    @property
    def owner(self):
        """What the uploads of these calls belong to."""
        return self.object


class DialogMixin(DirectUploadMixin):
    """The dialog: choose files, folder and protection; saving it makes a material of each upload."""

    def _process(self):
        form = DirectUploadForm(linked_object=self.object)
        if form.validate_on_submit():
            try:
                return self._save(form)
            except TransferError as refusal:
                # All of them become materials, or none.
                db.session.rollback()
                form.upload_ids.errors = [refusal.message(_)]
        return jsonify_template(
            "storage_s3:direct_upload.html",
            form=form,
            uploader=uploader_markup(
                request.base_url, next(iter(form.upload_ids.data or ()), None), several=True
            ),
            more_upload_ids=(form.upload_ids.data or [])[1:],
            protection_message=_render_protection_message(self.object),
            web_url=web_url,
            folders_protection_info=_get_folders_protection_info(self.object),
        )

    def _save(self, form: DirectUploadForm):
        # A second press of the button, or a repeated request, gets the answer of the first.
        waiting = [row for row in self._rows(form) if row.state != UploadState.ATTACHED]
        for row in waiting:
            # The store is asked, which ends the transaction, before anything is locked for saving.
            uploads.complete_if_open(row)
        waiting = [row for row in self._rows(form, lock=True) if row.state != UploadState.ATTACHED]
        for row in waiting:
            folder = form.folder.data or AttachmentFolder.get_or_create_default(linked_object=self.object)
            attachment = attach(row, folder, session.user, form.protection_mode.data)
            set_access_list(attachment, form)
            announce(attachment, session.user)
        if waiting:
            message = ngettext(
                "The attachment has been uploaded", "{count} attachments have been uploaded", len(waiting)
            )
            flash(message.format(count=len(waiting)), "success")
        return jsonify_data(attachment_list=_render_attachment_list(self.object))

    def _rows(self, form: DirectUploadForm, *, lock: bool = False):
        ids = form.upload_ids.data
        # Locked in one order, whatever the order of the form, so that no two requests wait for each other.
        rows = {each: uploads.find(each, self.owner, session.user, lock=lock) for each in sorted(ids)}
        return [rows[each] for each in ids]


class ReplaceMixin(SpecificAttachmentMixin):
    """The calls below a material: for a file that takes the place of the one it has."""

    @property
    def owner(self):
        """The material."""
        return self.attachment

    def _process_args(self):
        super(SpecificAttachmentMixin, self)._process_args()
        SpecificAttachmentMixin._process_args(self)
        if self.attachment.type != AttachmentType.file:
            raise NotFound


def _refusal(error: TransferError):
    """The error as the upload protocol sends it."""
    response = jsonify({**error.as_dict(), "message": error.message(_)})
    response.status_code = error.http_status
    if (wait_s := retry_after_s(error)) is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response


def event_and_category_handlers(mixin: type, *more: type) -> tuple[type, type]:
    """The two request handlers of what a mixin does; below a material, with ReplaceMixin."""
    name = "".join(each.__name__.removesuffix("Mixin") for each in (mixin, *more))
    event = type(f"RH{name}EventUpload", (*more, mixin, RHEventAttachmentManagementBase), {})
    category = type(f"RH{name}CategoryUpload", (*more, mixin, RHCategoryAttachmentManagementBase), {})
    return event, category


def call_handlers(call: str, *more: type) -> tuple[type, type]:
    """The two request handlers of a call of the protocol, by its name there."""
    name = "".join(word.title() for word in call.split("_"))
    return event_and_category_handlers(type(f"{name}Mixin", (DirectUploadMixin,), {"call": call}), *more)
