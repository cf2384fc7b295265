"""Attaching: a completed upload becomes the file of the resource that is saved.

CKAN gives IUploader the resource alone. Who saves which dataset comes from the actions that save: they are
chained, and keep it in a `Saving` for as long as they run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.csrf import require_csrf_token
from ckanext.s3multipart.errors import UploadNotComplete, UploadOfAnotherDataset
from ckanext.s3multipart.model import UploadRow, any_upload, find_upload
from ckanext.s3multipart.permission import signed_in_user
from ckanext.s3multipart.refusal import refused
from ckanext.s3multipart.scanning.errors import BeingChecked
from ckanext.s3multipart.scanning.inspecting import RETRY_AFTER_S as INSPECTION_RETRY_AFTER_S
from ckanext.s3multipart.scanning.quarantine import refusal_of
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.upload_states import PUBLISHED, RowState
from ckanext.s3multipart.uploads.adoption import RETRY_AFTER_S, require_as_completed
from ckanext.s3multipart.uploads.file_facts import forget_copied_files, is_id
from ckanext.s3multipart.uploads.versions import take_version
from ckanext.s3multipart.wording import sentence
from s3portal.portal.protocol import can_be_kept
from s3portal.transfer import (
    AlreadyAttached,
    BeingTakenOver,
    InvalidRequest,
    Problem,
    TransferError,
    UploadNotFound,
)

#: The form field, and the key of a resource in the API, that says which upload becomes its file.
FIELD = "s3multipart_upload_id"


class Saving:
    """One call of an action that saves resources: whose it is, of which dataset, and what it changed so
    far."""

    def __init__(self, context: dict[str, Any], dataset: str) -> None:
        self._context = context
        self._dataset = dataset
        self._taken: set[str] = set()
        self._store_answers = True
        self._originals: list[tuple[dict[str, Any], dict[str, Any]]] = []

    @property
    def user(self) -> str:
        """The name of whoever saves, "" for nobody."""
        return str(self._context.get("user") or "")

    def take(self, upload_id: object, resource_id: object = None) -> UploadRow:
        """The upload that is to be attached, locked until the transaction ends; or the earlier version that
        is being restored, which may be the file of its resource again by now.

        Raises VersionNotFound, NotSignedIn, CsrfTokenMissing, InvalidRequest, UploadNotFound,
        UploadOfAnotherDataset, UploadNotComplete, BeingTakenOver, AlreadyAttached, ObjectGone,
        ContentDiffers, StoreFailed, BeingChecked, and why the file was refused.
        """
        user = signed_in_user(self._context)
        require_csrf_token()
        if not isinstance(upload_id, str) or not can_be_kept(upload_id):
            raise InvalidRequest(field=FIELD, problem=Problem.NO_UPLOAD)
        if upload_id == _restored_version.get():
            require_as_completed(any_upload(upload_id))
            return take_version(resource_id, upload_id)
        if self._store_answers:
            # A save waits once for a store that is away, however many files it attaches.
            self._store_answers = require_as_completed(find_upload(upload_id, user.id))
        row = find_upload(upload_id, user.id, lock=True)
        if row is None:
            raise UploadNotFound
        package = model.Package.get(self._dataset)
        if package is None or row.owner_id != package.id:
            raise UploadOfAnotherDataset
        if row.state == RowState.ATTACHED or row.id in self._taken:
            raise AlreadyAttached
        if row.state == RowState.ADOPTING:
            raise BeingTakenOver(retry_after_s=RETRY_AFTER_S)
        if row.state == RowState.QUARANTINED:
            raise BeingChecked(retry_after_s=INSPECTION_RETRY_AFTER_S)
        if row.state == RowState.REFUSED and (refusal := refusal_of(row.id)):
            raise refusal
        if row.state != RowState.COMPLETED:
            raise UploadNotComplete(state=row.as_upload().state)
        self._taken.add(row.id)
        return row

    def remember(self, resource: dict[str, Any]) -> None:
        """Keeps what the caller sent, so that a form that is shown again after an error shows just that."""
        self._originals.append((resource, dict(resource)))

    def restore(self) -> None:
        """Puts back what the caller sent."""
        for resource, original in reversed(self._originals):
            resource.clear()
            resource.update(original)


_saving: ContextVar[Saving | None] = ContextVar("s3multipart_saving", default=None)
_restored_version: ContextVar[str] = ContextVar("s3multipart_restored_version", default="")


def current_saving() -> Saving | None:
    """The save that is in progress, None outside of the actions that save resources."""
    return _saving.get()


@contextmanager
def restoring(version_id: str) -> Iterator[None]:
    """Within it, a save may name this earlier version as the resource's file, whoever uploaded it."""
    token = _restored_version.set(version_id)
    try:
        yield
    finally:
        _restored_version.reset(token)


@tk.chained_action
def package_update(next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]) -> Any:
    """CKAN's own, which saves every resource in the end, with uploads attached."""
    dataset = asked.get("id") or asked.get("name")
    _wait_for_other_saves(dataset)
    _require_files_of_its_own(_resources(asked), dataset)
    with _saved_by(context, dataset):
        return next_action(context, asked)


@tk.chained_action
def resource_create(next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]) -> Any:
    """CKAN's own. CKAN 2.10 asks for the uploader already here, before it calls package_update."""
    with _saved_by(context, asked.get("package_id")):
        return next_action(context, asked)


@tk.chained_action
def package_create(next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]) -> Any:
    """CKAN's own, which asks for no uploader: no upload can be for a dataset that is not there yet."""
    resources = _resources(asked)
    if any(resource.get(FIELD) for resource in resources):
        raise refused_save(UploadOfAnotherDataset())
    _require_files_of_its_own(resources, None)
    if is_current():
        for resource in resources:
            forget_copied_files(resource)
    return next_action(context, asked)


def chained_actions() -> dict[str, Any]:
    """The actions of CKAN that attaching goes through."""
    return {
        "package_create": package_create,
        "package_update": package_update,
        "resource_create": resource_create,
    }


@contextmanager
def _saved_by(context: dict[str, Any], dataset: object) -> Iterator[None]:
    saving = Saving(context, str(dataset or ""))
    token = _saving.set(saving)
    try:
        yield
    except TransferError as refusal:
        saving.restore()
        raise refused_save(refusal) from refusal
    except tk.ValidationError:
        saving.restore()
        raise
    finally:
        _saving.reset(token)


def _wait_for_other_saves(dataset: object) -> None:
    """Saves of one dataset come one after the other, or the one would write what is true of the file that the
    other one replaces. CKAN has some of its actions wait by the same lock, and not all."""
    if isinstance(dataset, str) and can_be_kept(dataset):
        named = (model.Package.id == dataset) | (model.Package.name == dataset)
        model.Session.query(model.Package.id).filter(named).with_for_update().all()


def _resources(asked: dict[str, Any]) -> list[dict[str, Any]]:
    given = asked.get("resources")
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _require_files_of_its_own(resources: list[dict[str, Any]], dataset: object) -> None:
    """A deleted resource keeps its file for a while. CKAN lets any other dataset use its id, which would
    bring the file along."""
    ids = {each["id"] for each in resources if is_id(each.get("id"))}
    if not ids or not is_current():
        return
    package = model.Package.get(dataset) if is_id(dataset) else None
    owners = (
        model.Session.query(UploadRow.owner_id, model.Resource.package_id)
        .outerjoin(model.Resource, model.Resource.id == UploadRow.resource_id)
        .filter(UploadRow.resource_id.in_(ids), UploadRow.state.in_(PUBLISHED))
    )
    if any(package is None or package.id not in owner for owner in owners):
        raise refused_save(UploadOfAnotherDataset())


def refused_save(refusal: TransferError) -> Exception:
    """What a save raises, so that the form comes again with the reason on it, and the API answers the
    status."""
    refused(refusal)
    return tk.ValidationError({FIELD: [sentence(refusal)]})
