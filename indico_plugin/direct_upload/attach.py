"""Makes a completed upload a material, as a normal upload would have: rows, access list, event, log entry."""

from flask import g, has_app_context
from indico.core import signals
from indico.core.db import db
from indico.core.db.sqlalchemy.protection import ProtectionMode
from indico.core.storage.backend import get_storage
from indico.modules.attachments.models.attachments import Attachment, AttachmentFile, AttachmentType
from indico.modules.attachments.models.folders import AttachmentFolder
from indico.modules.users import User
from indico.util.fs import secure_client_filename

from indico_plugin.direct_upload.states import UploadState
from indico_plugin.models.uploads import DirectUpload
from indico_plugin.plugin_settings import logger
from s3portal.transfer import State, UploadNotOpen

_WAITING_FOR_COMMIT = "s3portal_files_without_md5"


def attach(
    row: DirectUpload, folder: AttachmentFolder, user: User, protection_mode: ProtectionMode
) -> Attachment:
    """The new material of a completed upload. The caller sets the access list and then calls ``announce``.

    Raises UploadNotOpen where the upload is not completed, or is a material already.
    """
    _require_completed(row)
    attachment = Attachment(
        id=row.attachment_id,
        folder=folder,
        user=user,
        title=row.filename,
        type=AttachmentType.file,
        protection_mode=protection_mode,
    )
    attachment.file = _file_of(row, user)
    db.session.add(attachment)
    _mark_attached(row)
    return attachment


def replace_file(row: DirectUpload, attachment: Attachment, user: User) -> None:
    """Makes a completed upload the file of an existing material; Indico keeps the row of the earlier
    file.

    Raises UploadNotOpen where the upload is not completed, or is someone's file already.
    """
    _require_completed(row)
    attachment.file = _file_of(row, user)
    _mark_attached(row)
    logger.info("The file of attachment %s was replaced by a direct upload of %s", attachment, user)
    compute_md5_after_commit(attachment.file.id)


def _require_completed(row: DirectUpload) -> None:
    if row.state != UploadState.COMPLETED:
        raise UploadNotOpen(state=row.as_upload().state)


def _file_of(row: DirectUpload, user: User) -> AttachmentFile:
    return AttachmentFile(
        id=row.file_id,
        user=user,
        filename=secure_client_filename(row.filename),
        content_type=row.content_type,
        size=row.size_bytes,
        # Shown as a checksum, so it is the true one, which a task works out, or none. Not the ETag of parts.
        md5="",
        storage_backend=row.backend,
        storage_file_id=get_storage(row.backend).file_id(row.bucket, row.key),
    )


def _mark_attached(row: DirectUpload) -> None:
    row.record(row.as_upload().become(State.ATTACHED))
    db.session.flush()


def announce(attachment: Attachment, user: User) -> None:
    """Tells Indico and its plugins of the new material, and has its MD5 worked out once it is committed."""
    logger.info("Attachment %s uploaded directly by %s", attachment, user)
    signals.attachments.attachment_created.send(attachment, user=user)
    compute_md5_after_commit(attachment.file.id)


def compute_md5_after_commit(file_id: int) -> None:
    """Has the MD5 of a file worked out once its row is committed."""
    g.setdefault(_WAITING_FOR_COMMIT, []).append(file_id)


def start_waiting_tasks(sender=None, **kwargs) -> None:
    """After a commit: a task for each file that has no MD5 yet. Before, a worker would not find the row."""
    from indico_plugin.tasks import compute_md5

    for file_id in g.pop(_WAITING_FOR_COMMIT, []) if has_app_context() else []:
        compute_md5.delay(file_id)
