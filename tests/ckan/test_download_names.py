"""How a persistent link ends: with the file's name, whatever it is."""

from urllib.parse import quote

import pytest
from callers import Caller
from ckan.lib.munge import munge_filename
from odd_names import ODD_NAMES
from shown_links import CONTENT, shown_link

from ckanext.s3multipart.links import link_name
from s3portal.transfer import safe_filename


@pytest.fixture
def resource(publisher: Caller) -> dict:
    """A published file."""
    return publisher.publish(CONTENT, filename="rivers.csv")


class TestHowItEnds:
    @pytest.mark.parametrize("row", ODD_NAMES, ids=lambda row: ascii(row["name"]))
    def test_whatever_the_file_is_called(self, row: dict[str, str]) -> None:
        """CKAN makes the end of the link of the name that the resource has."""
        assert munge_filename(link_name(row["name"])) == row["link"]
        assert row["link"][0].isalnum() or row["link"][0] == "_"

    @pytest.mark.parametrize(
        ("filename", "ending", "file_format"),
        [
            ("Реки.csv", "file.csv", "CSV"),
            ("trailing .csv ", "trailing-.csv", "CSV"),
            ("grid.nc", "grid.nc", "NetCDF"),
        ],
    )
    def test_through_the_api(self, publisher: Caller, filename: str, ending: str, file_format: str) -> None:
        resource = publisher.publish(filename=filename)
        again = publisher.do("resource_patch", id=resource["id"], description="New")

        for each in (resource, again):
            assert (each["url"].rsplit("/", 1)[-1], each["format"]) == (ending, file_format)
        disposition = publisher.head(resource["url"]).headers["Content-Disposition"]
        assert quote(safe_filename(filename)) in disposition or safe_filename(filename) in disposition

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org/dataset/a/resource/b/download/c.csv",
            "http://test.ckan.net/dataset/a/resource/b",
            "",
        ],
    )
    def test_the_address_of_anything_else_is_shown_as_it_is(self, portal, url: str) -> None:
        assert shown_link(portal, url) == url
