"""CKAN's own search, with its permissions, on PostgreSQL."""

import pytest
from ckan.lib.search import SearchQueryError
from ckan.tests import factories
from ckan.tests.helpers import call_action

pytestmark = pytest.mark.usefixtures("with_request_context")


def search_as(user: dict[str, object] | None, **parameters: object) -> dict[str, object]:
    """What package_search answers to a user, None for a stranger."""
    context = {"ignore_auth": False, "user": user["name"] if user else ""}
    return call_action("package_search", context, **parameters)


def names(answer: dict[str, object]) -> list[str]:
    return [package["name"] for package in answer["results"]]


@pytest.fixture
def member() -> dict[str, object]:
    return factories.User()


@pytest.fixture
def organisation(member) -> dict[str, object]:
    return factories.Organization(users=[{"name": member["name"], "capacity": "member"}])


def test_a_private_dataset_is_found_by_members_only(organisation, member):
    private = factories.Dataset(owner_org=organisation["id"], private=True)
    asked = {"fq": f'name:"{private["name"]}"', "include_private": True}
    assert names(search_as(member, **asked)) == [private["name"]]
    assert names(search_as(factories.User(), **asked)) == []
    assert names(search_as(None, **asked)) == []


def test_a_dataset_that_becomes_private_is_found_no_more(organisation):
    package = factories.Dataset(owner_org=organisation["id"], notes="Sediment of the estuary")
    asked = {"q": "sediments", "fq": f"organization:{organisation['name']}"}
    assert names(search_as(None, **asked)) == [package["name"]]
    call_action("package_patch", id=package["id"], private=True)
    assert names(search_as(None, **asked)) == []


def test_a_deleted_dataset_is_found_no_more(organisation):
    package = factories.Dataset(owner_org=organisation["id"])
    call_action("package_delete", id=package["id"])
    assert search_as(None, fq=f"id:{package['id']}")["count"] == 0


def test_facets_of_a_page_are_counted(organisation):
    for tags in (["water", "ice"], ["water"]):
        factories.Dataset(
            owner_org=organisation["id"],
            license_id="cc-by",
            tags=[{"name": tag} for tag in tags],
            resources=[{"url": "https://example.org/a.csv", "format": "CSV"}],
        )
    answer = search_as(
        None,
        fq=f"organization:{organisation['name']}",
        **{"facet.field": ["organization", "tags", "res_format", "license_id"]},
    )
    assert answer["facets"] == {
        "organization": {organisation["name"]: 2},
        "tags": {"water": 2, "ice": 1},
        "res_format": {"CSV": 2},
        "license_id": {"cc-by": 2},
    }


def test_a_missing_sort_direction_is_refused():
    with pytest.raises(SearchQueryError, match="sort"):
        search_as(None, sort="name")


def test_names_are_completed(organisation):
    package = factories.Dataset(owner_org=organisation["id"], title="Hydrometeorology")
    answer = call_action("package_autocomplete", {"ignore_auth": False, "user": ""}, q="drometeor")
    assert [match["name"] for match in answer] == [package["name"]]
