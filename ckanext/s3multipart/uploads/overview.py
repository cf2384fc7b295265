"""``s3multipart_upload_overview``: in one call what a program looks at before it uploads to a dataset."""

from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.auth import context_of_its_own
from ckanext.s3multipart.refusal import ActionFunction, refusing


@tk.side_effect_free
@refusing
def upload_overview(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Says what a dataset has and what the caller has begun there. Each list is what its own action answers,
    by its own rules; where one of them refuses, so does this.

    :param owner: the dataset's id or name
    :returns: ``{"uploads", "files", "resources"}``: the caller's unfinished uploads
        (``s3multipart_upload_list``), the files that its resources have (``s3multipart_file_list``), and
        the id and name of all of its resources
    """
    tk.check_access("s3multipart_upload_overview", context, asked)
    owner = asked["owner"]

    def ask(action: str, **parameters: object) -> Any:
        return tk.get_action(action)(context_of_its_own(context), parameters)

    return {
        "uploads": ask("s3multipart_upload_list", owner=owner),
        "files": ask("s3multipart_file_list", owner=owner),
        "resources": [
            {"id": resource["id"], "name": resource.get("name") or ""}
            for resource in ask("package_show", id=owner).get("resources", [])
        ],
    }


def actions() -> dict[str, ActionFunction]:
    """The action by its name."""
    return {"s3multipart_upload_overview": upload_overview}
