"""No dataset turns private before its files are out of everybody's reach, in the store and in caches.

They are withdrawn before the change is made. Where that takes longer than someone waits, the change is
refused, and made when it is asked for again. Whatever way a change takes, one that would leave a file behind
is refused when it is written.
"""

import logging
from collections.abc import Callable
from typing import Any

import ckan.plugins as p
import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model

from ckanext.s3multipart.downloads.public_files import forget_cached, public_rows, withdraw
from ckanext.s3multipart.errors import BeingWithdrawn
from ckanext.s3multipart.refusal import refused
from ckanext.s3multipart.schema import is_current
from ckanext.s3multipart.session_events import listen_to_session
from ckanext.s3multipart.uploads import attach, removal
from ckanext.s3multipart.wording import sentence
from s3portal.portal.protocol import can_be_kept
from s3portal.transfer import TransferError

log = logging.getLogger(__name__)

#: As CKAN's own boolean_validator reads it.
_TRUE = frozenset({"true", "yes", "t", "y", "1"})


@tk.chained_action
def package_update(next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]) -> Any:
    """CKAN's own, as uploads have it (attach.py), after the files of a dataset that turns private."""
    if _is_hiding(asked):
        _withdraw(context, "package_update", asked.get("id") or asked.get("name"))
    dataset_id = "" if context.get("defer_commit") else _deleted_by(asked)
    result = attach.package_update(next_action, context, asked)
    _withdraw_deleted(dataset_id)
    return result


@tk.chained_action
def bulk_update_private(
    next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]
) -> Any:
    """CKAN's own; up to 2.11 it changes many datasets at once without telling plugins."""
    given = asked.get("datasets")
    datasets = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    for dataset in datasets:
        _withdraw(context, "package_update", dataset)
    if is_current():
        # Until the transaction ends, no file of theirs goes where everybody reaches it.
        locked = (
            model.Session.query(model.Package.id).filter(model.Package.id.in_(datasets)).with_for_update()
        )
        if any(public_rows(dataset_id).first() for (dataset_id,) in locked.all()):
            raise _refused_change(BeingWithdrawn(left=1, files=1))
    return next_action(context, asked)


@tk.chained_action
def package_delete(next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]) -> Any:
    """CKAN's own. What was public goes out of reach after it; the janitor does what fails now."""
    package = _package(asked.get("id"))
    dataset_id = package.id if package is not None else ""
    result = next_action(context, asked)
    _withdraw_deleted(dataset_id)
    return result


@tk.chained_action
def bulk_update_delete(
    next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]
) -> Any:
    """CKAN's own, as files have it (removal.py). What was public goes out of reach after it."""
    result = removal.bulk_update_delete(next_action, context, asked)
    given = asked.get("datasets")
    packages = [_package(each) for each in given] if isinstance(given, list) else []
    for dataset_id in [each.id for each in packages if each and each.state == model.State.DELETED]:
        _withdraw_deleted(dataset_id)
    return result


@tk.chained_action
def dataset_purge(next_action: Callable[..., Any], context: dict[str, Any], asked: dict[str, Any]) -> Any:
    """CKAN's own. A cache forgets the files after it: their rows go with the dataset."""
    package = _package(asked.get("id"))
    dataset_id = package.id if package is not None else ""
    result = next_action(context, asked)
    if dataset_id and is_current():
        forget_cached(dataset_id)
    return result


def chained_actions() -> dict[str, Any]:
    """The actions of CKAN that change who sees a dataset."""
    return {
        "package_update": package_update,
        "bulk_update_private": bulk_update_private,
        "bulk_update_delete": bulk_update_delete,
        "package_delete": package_delete,
        "dataset_purge": dataset_purge,
    }


def listen_to_changes() -> None:
    """Has every change looked at when it is written; may be called again."""
    listen_to_session(before_flush=_before_flush)


def _before_flush(session: Any, _context: Any, _instances: Any) -> None:
    if not p.plugin_loaded("s3multipart"):
        # A test may have unloaded it, and listeners stay.
        return
    for entity in session.dirty:
        if isinstance(entity, model.Package) and _becomes_hidden(entity):
            with session.no_autoflush:
                left_behind = is_current() and public_rows(entity.id).count()
            if left_behind:
                # Whoever flushes gives the transaction up.
                raise _as_field(BeingWithdrawn(left=left_behind, files=left_behind))


def _becomes_hidden(package: model.Package) -> bool:
    """Whether this very change hides the dataset. A deleted one is withdrawn afterwards."""
    changes = sa.inspect(package).attrs
    turns_private = bool(package.private) and changes.private.history.has_changes()
    becomes_draft = package.state == "draft" and changes.state.history.has_changes()
    return turns_private or becomes_draft


def _is_hiding(asked: dict[str, Any]) -> bool:
    return str(asked.get("private")).lower() in _TRUE or asked.get("state") == "draft"


def _withdraw(context: dict[str, Any], action: str, dataset: object) -> None:
    """Withdraws the files of a dataset that is not private yet, if the caller may change it. Raises what a
    save raises."""
    package = _package(dataset)
    if package is None or package.private or not is_current():
        return
    kept = {name: context[name] for name in ("user", "auth_user_obj", "ignore_auth") if name in context}
    try:
        tk.check_access(action, kept, {"id": package.id})
        withdraw(package.id)
    except tk.NotAuthorized:
        # CKAN's own action says it.
        return
    except TransferError as refusal:
        raise _refused_change(refusal) from refusal


def _deleted_by(asked: dict[str, Any]) -> str:
    """The id of the dataset that a save deletes, "" where it deletes none."""
    package = _package(asked.get("id") or asked.get("name")) if asked.get("state") == "deleted" else None
    return package.id if package is not None and package.state != model.State.DELETED else ""


def _withdraw_deleted(dataset_id: str) -> None:
    """Withdraws the files of a dataset that was deleted; the janitor does what fails now."""
    package = _package(dataset_id) if dataset_id and is_current() else None
    if package is None or package.state != model.State.DELETED:
        return
    try:
        withdraw(dataset_id)
    except TransferError as error:
        log.warning("Files of the deleted dataset %s are withdrawn later: %s", dataset_id, error)


def _package(dataset: object) -> model.Package | None:
    return model.Package.get(dataset) if isinstance(dataset, str) and can_be_kept(dataset) else None


def _refused_change(refusal: TransferError) -> Exception:
    refused(refusal)
    return _as_field(refusal)


def _as_field(refusal: TransferError) -> Exception:
    return tk.ValidationError({"private": [sentence(refusal)]})
