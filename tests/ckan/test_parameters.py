"""Misspelt parameters of an action are refused by name; what CKAN adds to a call is none of them."""

import ckan.plugins.toolkit as tk
import pytest
from callers import Caller

from ckanext.s3multipart.parameters import PARAMETERS
from ckanext.s3multipart.uploads import actions, administration, overview, version_actions


def test_every_action_says_what_it_takes() -> None:
    names = {
        *actions.actions(),
        *administration.actions(),
        *version_actions.actions(),
        *overview.actions(),
        "s3multipart_file_list",
        "s3multipart_download_stats",
    }

    assert names == {f"s3multipart_{name}" for name in PARAMETERS}


@pytest.mark.parametrize("action", sorted(PARAMETERS))
def test_a_misspelt_parameter_is_named_before_one_that_is_missing(publisher: Caller, action: str) -> None:
    meant = PARAMETERS[action][0]

    answer = publisher.call(f"s3multipart_{action}", **{f"{meant}s": "rivers"})

    assert (answer.status, answer.error["code"]) == (422, "invalid_request")
    assert (answer.error["field"], answer.error["nearest"]) == (f"{meant}s", meant)


def test_other_parameters_are_ignored(publisher: Caller) -> None:
    assert publisher.create(zzz=1, filenames=["rivers.csv"]).status == 200


def test_from_python_it_is_a_validation_error(publisher: Caller) -> None:
    asked = {"owner": publisher.dataset, "file_name": "rivers.csv", "size": 3}

    with pytest.raises(tk.ValidationError) as refused:
        tk.get_action("s3multipart_upload_create")({"user": publisher.name}, asked)

    assert "file_name is not a parameter" in str(refused.value)
    assert "Did you mean filename?" in str(refused.value)


def test_what_ckan_and_its_scripts_add_is_accepted(publisher: Caller) -> None:
    added = {"_csrf_token": "a", "__extras": {"b": 1}, "__junk": 1, "_": "1795251600000"}

    assert publisher.create(**added).status == 200
    listed = publisher.get(
        f"/api/3/action/s3multipart_file_list?owner={publisher.dataset}&_=1795251600000&callback=shown"
    )
    assert listed.get_data(as_text=True).startswith("shown(")
