"""Settings: declared once, known to CKAN's own tools, and checked when CKAN starts."""

import logging
from typing import Any

import pytest
from ckan.common import config_declaration
from ckan.exceptions import CkanConfigurationException

from ckanext.s3multipart.settings import PREFIX, SETTINGS_CLASSES, check_settings
from s3portal.transfer import Declaration, declared_settings

DECLARED = [declaration for each in SETTINGS_CLASSES for declaration in declared_settings(each)]
MINIMAL = {f"{PREFIX}s3_bucket": "river-data"}
#: The kinds for which CKAN has a type of its own; the others are texts to it.
CKAN_VALIDATORS = {"integer": "convert_int", "boolean": "boolean_validator", "words": "as_list"}


def options() -> dict[str, Any]:
    """What CKAN has read from config_declaration.yaml."""
    keys = [key for key in config_declaration.iter_options() if str(key).startswith(PREFIX)]
    return {str(key): config_declaration[key] for key in keys}


def test_ckan_knows_just_the_settings_that_are_declared() -> None:
    assert sorted(options()) == sorted(f"{PREFIX}{declaration.name}" for declaration in DECLARED)


@pytest.mark.parametrize("declaration", DECLARED, ids=lambda declaration: declaration.name)
class TestDeclaration:
    def test_ckan_has_the_same_default(self, declaration: Declaration) -> None:
        option = options()[f"{PREFIX}{declaration.name}"]

        text = option.str_value().lower() if declaration.kind.name == "boolean" else option.str_value()
        assert (declaration.parse(text) if text else declaration.default) == declaration.default
        assert bool(text) == bool(declaration.default not in ("", (), None))

    def test_ckan_has_the_same_type(self, declaration: Declaration) -> None:
        option = options()[f"{PREFIX}{declaration.name}"]

        expected = CKAN_VALIDATORS.get(declaration.kind.name)
        assert (expected in option.get_validators()) if expected else not option.get_validators()

    def test_ckan_has_the_same_help(self, declaration: Declaration) -> None:
        option = options()[f"{PREFIX}{declaration.name}"]

        assert option.description.lower().rstrip(".") == declaration.help.lower()

    def test_its_example_can_be_used(self, declaration: Declaration) -> None:
        option = options()[f"{PREFIX}{declaration.name}"]

        if option.example:
            declaration.parse(option.example)


def test_the_least_that_has_to_be_set_is_the_bucket() -> None:
    check_settings(MINIMAL)

    with pytest.raises(CkanConfigurationException, match=r"ckanext\.s3multipart\.s3_bucket is missing"):
        check_settings({})


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("part_size", "five", "is not a size"),
        ("part_size", "1 MB", "is too small"),
        ("concurrency", "60", "is too large"),
        ("s3_role", "uploads", "is not the ARN of a role"),
        ("s3_endpoint", "ftp://example.org", "is not a URL"),
        ("org_quota", "-3", "is not a size"),
        ("remove_files_on", "never", "is not one of: delete, purge"),
        ("count_downloads", "perhaps", "is not a yes or no"),
        ("enabled_orgs", "* the-lab", "remove one"),
        ("s3_bucket", "https://river-data", "is not the name of a bucket"),
    ],
)
def test_a_value_that_cannot_be_used_stops_ckan_by_name(name: str, value: str, problem: str) -> None:
    with pytest.raises(CkanConfigurationException) as stopped:
        check_settings({**MINIMAL, f"{PREFIX}{name}": value})

    assert f"{PREFIX}{name}" in str(stopped.value)
    assert problem in str(stopped.value)


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(CkanConfigurationException) as stopped:
        check_settings({f"{PREFIX}part_size": "five", f"{PREFIX}remove_files_on": "never"})

    for name in ("s3_bucket", "part_size", "remove_files_on"):
        assert f"{PREFIX}{name}" in str(stopped.value)


def test_a_misspelt_setting_is_answered_with_the_one_that_was_meant(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        check_settings({**MINIMAL, f"{PREFIX}enabled_org": "the-lab"})

    assert caplog.messages == [
        "ckanext.s3multipart.enabled_org is not a setting; did you mean ckanext.s3multipart.enabled_orgs?"
    ]


def test_secrets_are_not_shown() -> None:
    with pytest.raises(CkanConfigurationException) as stopped:
        check_settings({**MINIMAL, f"{PREFIX}s3_secret_access_key": "hush"})

    assert "hush" not in str(stopped.value)
