"""Who may see which files there are: whoever may see their dataset."""

from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.auth import answer, answering_everybody, context_of_its_own, dataset_that_is_read


def for_dataset_that_is_read(context: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """May see the dataset ``owner``, signed in or not."""
    return answer(context, lambda: _may_see(context, asked))


def auth_functions() -> dict[str, Any]:
    """The authorisation functions by the names of their actions."""
    return answering_everybody({"s3multipart_file_list": for_dataset_that_is_read})


def _may_see(context: dict[str, Any], asked: dict[str, Any]) -> None:
    tk.check_access("package_show", context_of_its_own(context), {"id": dataset_that_is_read(asked).id})
