"""Who calls, as the upload protocol knows them: a user, about one object. Whether they may manage the
object's materials has been checked by Indico's own request handlers.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from indico.core.db import db
from indico.modules.attachments.util import can_manage_attachments
from indico.modules.users import User
from indico.modules.users.util import get_user_by_email

from indico_plugin.direct_upload.permission import administers, may_upload_directly
from indico_plugin.direct_upload.portal import PORTAL, IndicoPortal, IndicoRow, UploadOwner
from indico_plugin.direct_upload.states import UNFINISHED
from indico_plugin.models.uploads import DirectUpload
from s3portal.portal.protocol import Caller, CannotTakeOver, NotAnAdministrator
from s3portal.transfer import UploadNotFound

_TABLE = DirectUpload.__table__


@dataclass(frozen=True)
class IndicoCaller(Caller[IndicoRow, UploadOwner]):
    """``linked`` is the object that the calls are about, or the material whose file is replaced; ``manages``
    is the object that it belongs to."""

    user_object: User
    linked: db.Model
    manages: db.Model
    portal: IndicoPortal = PORTAL

    def fields_of(self, call: str, fields: tuple[str, ...]) -> tuple[str, ...]:
        # The address names the owner, and one in the body would be another.
        return tuple(name for name in fields if name != "owner")

    @property
    def user(self) -> str:
        return str(self.user_object.id)

    def owner(self, asked: Mapping) -> UploadOwner:
        return UploadOwner.of(self.linked)

    def own(self, upload_id: str) -> IndicoRow:
        return self._one(upload_id, _TABLE.c.user_id == int(self.user))

    def open_to_send(self, upload_id: str) -> IndicoRow:
        # Whether they may still manage the object's materials has been checked.
        return self.own(upload_id)

    def unfinished(self, asked: Mapping) -> list[IndicoRow]:
        return self._unfinished(_TABLE.c.user_id == int(self.user))

    def everybodys(self, asked: Mapping) -> list[IndicoRow]:
        if not administers(self.manages, self.user_object):
            raise NotAnAdministrator
        return self._unfinished()

    def recipient(self, row: IndicoRow, reference: str) -> str:
        user = find_user(reference)
        if user is None or user.is_deleted or user.is_blocked:
            raise CannotTakeOver(user=reference)
        if not can_manage_attachments(self.manages, user) or not may_upload_directly(self.manages, user):
            raise CannotTakeOver(user=reference)
        return str(user.id)

    def _unfinished(self, *conditions: object) -> list[IndicoRow]:
        return self.portal.rows.all(
            *self._of_owner(),
            *conditions,
            _TABLE.c.state.in_(UNFINISHED),
            _TABLE.c.expires_at > datetime.now(timezone.utc),
            order=_TABLE.c.created_at.desc(),
        )

    def administered(self, upload_id: str) -> IndicoRow:
        if not administers(self.manages, self.user_object):
            raise UploadNotFound
        return self._one(upload_id)

    def _one(self, upload_id: str, *conditions: object) -> IndicoRow:
        try:
            wanted = str(uuid.UUID(upload_id))
        except ValueError:
            raise UploadNotFound from None
        row = self.portal.rows.one(_TABLE.c.id == wanted, *self._of_owner(), *conditions)
        if row is None:
            raise UploadNotFound
        return row

    def _of_owner(self) -> tuple:
        owner = UploadOwner.of(self.linked)
        return _TABLE.c.owner_type == owner.owner_type, _TABLE.c.owner_id == int(owner.owner_id)


def find_user(reference: str) -> User | None:
    """The user with this id or email address."""
    is_id = reference.isascii() and reference.isdigit() and len(reference) < 10
    return User.get(int(reference)) if is_id else get_user_by_email(reference)
