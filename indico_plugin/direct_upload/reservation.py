"""The place of a material that does not exist yet: its ids, and the key that a normal upload would get."""

from dataclasses import dataclass

from indico.core.db import db
from indico.modules.attachments.models.attachments import Attachment, AttachmentFile, AttachmentType
from indico.modules.attachments.models.folders import AttachmentFolder
from indico.modules.users import User


@dataclass(frozen=True)
class Reservation:
    """``backend`` is the entry of STORAGE_BACKENDS that Indico stores new materials in."""

    attachment_id: int
    file_id: int
    backend: str
    key: str


def reserve_place(owner: db.Model, user: User, filename: str, content_type: str) -> Reservation:
    """Lets Indico itself make the ids and the path, with rows that are then taken back. ``owner`` is the
    object that gets a new material, or the material that gets another file.

    Ids come from sequences, which no rollback gives back, so no one else ever gets them. The object lands on
    its final key, and no copy is needed.
    """
    savepoint = db.session.begin_nested()
    try:
        with db.session.no_autoflush:
            file = AttachmentFile(user=user, filename=filename, content_type=content_type)
            if isinstance(owner, Attachment):
                file.attachment = owner
            else:
                folder = AttachmentFolder.get_or_create_default(owner)
                attachment = Attachment(folder=folder, user=user, title=filename, type=AttachmentType.file)
                attachment.file = file
            backend, key = file._build_storage_path()
            return Reservation(file.attachment.id, file.id, backend, key)
    finally:
        # Also forgets the new rows, which have been in the session and never in the database.
        savepoint.rollback()
