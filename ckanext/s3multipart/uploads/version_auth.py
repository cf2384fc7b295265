"""Who may see the versions of a file, and who may restore and remove them: whoever may see the resource, and
whoever may edit it."""

from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.s3multipart.auth import allowed, answer, answering_everybody, context_of_its_own
from ckanext.s3multipart.errors import MayNotChangeVersions
from ckanext.s3multipart.permission import active_resource, signed_in_user
from s3portal.portal.protocol import request_fields


def for_resource_that_is_read(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """May see the resource ``resource``, signed in or not."""
    return answer(context, lambda: readable_resource(context, asked))


def for_resource_that_is_edited(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """May edit the resource ``resource``."""
    return answer(context, lambda: _require_editor(context, asked))


def auth_functions() -> dict[str, Any]:
    """The authorisation functions by the names of their actions."""
    return answering_everybody(
        {
            "s3multipart_version_list": for_resource_that_is_read,
            "s3multipart_version_restore": for_resource_that_is_edited,
            "s3multipart_version_remove": for_resource_that_is_edited,
        }
    )


def readable_resource(context: dict[str, Any], asked: dict[str, Any]) -> model.Resource:
    """The resource ``resource``. Raises ResourceNotFound, and CKAN's NotAuthorized."""
    resource = active_resource(request_fields.text(asked, "resource"))
    tk.check_access("resource_show", context_of_its_own(context), {"id": resource.id})
    return resource


def may_change_versions(context: dict[str, Any], resource_id: str) -> bool:
    """Whether the caller may edit a resource that they may read."""
    return bool(context.get("user")) and allowed("resource_update", context, resource_id)


def _require_editor(context: dict[str, Any], asked: dict[str, Any]) -> None:
    signed_in_user(context)
    resource = readable_resource(context, asked)
    if not may_change_versions(context, resource.id):
        raise MayNotChangeVersions
