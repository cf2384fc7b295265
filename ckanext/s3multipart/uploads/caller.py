"""Who calls an action, as the upload protocol knows them: their permissions, and their uploads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ckan import model

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.parameters import OWN_FIELDS
from ckanext.s3multipart.permission import Owner, administers, authorised_owner, signed_in_user
from ckanext.s3multipart.upload_states import UNFINISHED, RowState
from ckanext.s3multipart.uploads.discovery import discover_for
from ckanext.s3multipart.uploads.portal import PORTAL, CkanPortal, CkanRow
from ckanext.s3multipart.uploads.refusal_text import refusals_of
from ckanext.s3multipart.uploads.session_prefixes import dataset_credentials, upload_credentials
from s3portal.portal.protocol import Caller, request_fields
from s3portal.transfer import SessionCredentials, UploadNotFound

_ROWS = UploadRow.__table__


@dataclass(frozen=True)
class CkanCaller(Caller[CkanRow, Owner]):
    """The user of an action's context. The action's authorisation function has been asked before."""

    context: Mapping[str, Any]
    portal: CkanPortal = PORTAL

    def fields_of(self, call: str, fields: tuple[str, ...]) -> tuple[str, ...]:
        return fields + OWN_FIELDS.get(call, ())

    @property
    def user(self) -> str:
        return str(signed_in_user(self.context).id)

    def owner(self, asked: Mapping[str, Any]) -> Owner:
        return authorised_owner(
            self.context,
            request_fields.text(asked, "owner"),
            request_fields.text(asked, "resource", required=False),
        )

    def own(self, upload_id: str) -> CkanRow:
        row = self.portal.rows.one(_ROWS.c.id == upload_id, _ROWS.c.user == self.user)
        if row is None:
            raise UploadNotFound
        return _with_refusals([row])[0]

    def open_to_send(self, upload_id: str) -> CkanRow:
        # Whether they may still edit the dataset is what uploads/auth.py looks at.
        return self.own(upload_id)

    def unfinished(self, asked: Mapping[str, Any]) -> list[CkanRow]:
        user = signed_in_user(self.context)
        owner = request_fields.text(asked, "owner", required=False)
        package = model.Package.get(owner) if owner else None
        mine = [_ROWS.c.user == user.id]
        if owner:
            mine.append(_ROWS.c.owner_id == (package.id if package else owner))
        discover_for(user, package.id if package else "")
        rows = self.portal.rows.all(
            *mine,
            _ROWS.c.state.in_(UNFINISHED),
            _ROWS.c.expires_at > now(),
            order=_ROWS.c.created_at.desc(),
        )
        return _with_refusals(rows)

    def administered(self, upload_id: str) -> CkanRow:
        _ = self.user
        row = self.portal.rows.find(upload_id)
        if row is None or not administers(self.context, row.upload.owner_id):
            raise UploadNotFound
        return row

    def upload_credentials(self, row: CkanRow) -> SessionCredentials:
        owner = authorised_owner(self.context, row.upload.owner_id)
        return upload_credentials(signed_in_user(self.context), row.upload, owner.organisation_id)

    def owner_credentials(self, owner: Owner) -> SessionCredentials:
        return dataset_credentials(signed_in_user(self.context), owner)


def _with_refusals(rows: list[CkanRow]) -> list[CkanRow]:
    """The rows, those that were refused with the reason."""
    refused = [row.upload.id for row in rows if row.state == RowState.REFUSED]
    refusals = refusals_of(refused) if refused else {}
    return [replace(row, refusal=refusals.get(row.upload.id, {}).get("refusal")) for row in rows]
