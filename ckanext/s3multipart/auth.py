"""What the authorisation functions of all rooms share: their answer keeps the refusal, and what a caller
may see is CKAN's to say.

Each room has its own: ``uploads/auth.py``, ``downloads/auth.py``, ``statistics/auth.py``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.errors import DatasetNotFound
from ckanext.s3multipart.wording import sentence
from s3portal.portal.protocol import request_fields
from s3portal.transfer import TransferError

#: Where an authorisation function leaves the reason, since CKAN hands on its message alone.
REFUSAL = "s3multipart_refusal"

AuthFunction = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def answering_everybody(by_action: Mapping[str, AuthFunction]) -> dict[str, Any]:
    """The functions, asked about anonymous callers and sysadmins too: both get our own answer, which says
    what to do, instead of CKAN's."""
    return {
        name: tk.auth_sysadmins_check(tk.auth_allow_anonymous_access(function))
        for name, function in by_action.items()
    }


def answer(context: dict[str, Any], rule: Callable[[], object]) -> dict[str, Any]:
    """An authorisation function's answer: yes, unless ``rule`` raises a TransferError, which is kept."""
    try:
        rule()
    except TransferError as refusal:
        context[REFUSAL] = refusal
        return {"success": False, "msg": sentence(refusal)}
    return {"success": True}


def dataset_that_is_read(asked: dict[str, Any]) -> model.Package:
    """The dataset ``owner``, by id or name. Raises DatasetNotFound."""
    reference = request_fields.text(asked, "owner")
    package = model.Package.get(reference)
    if package is None:
        raise DatasetNotFound(dataset=reference)
    return package


def allowed(action: str, context: dict[str, Any], entity_id: str) -> bool:
    """Whether the caller may do this of CKAN's own actions to the dataset or resource."""
    try:
        tk.check_access(action, context_of_its_own(context), {"id": entity_id})
    except tk.NotAuthorized:
        return False
    return True


def context_of_its_own(context: dict[str, Any]) -> dict[str, Any]:
    """CKAN's authorisation leaves what it looked up in the context that it is given."""
    return {name: context[name] for name in ("user", "auth_user_obj", "ignore_auth") if name in context}
