"""What ckanext-dcat tells other catalogues of a file."""

import hashlib

import pytest
import requests
from neighbour_site import TIMEOUT_S, Site

CONTENT = b"gauge,level\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def dataset(site: Site) -> str:
    """With one file whose SHA-256 is known."""
    name = site.dataset()
    upload = site.upload(name, CONTENT, "levels.csv", "text/csv", sha256=SHA256)
    site.do("resource_create", package_id=name, s3multipart_upload_id=upload["id"])
    return name


def test_dcat_says_the_sha256(site: Site, dataset: str) -> None:
    link = f"{site.url}/dataset/{dataset}.ttl?profiles=euro_dcat_ap_3"
    answer = requests.get(link, timeout=TIMEOUT_S)

    answer.raise_for_status()
    assert f'spdx:checksumValue "{SHA256}"^^xsd:hexBinary' in answer.text
    assert "spdx:algorithm spdx:checksumAlgorithm_sha256" in answer.text


def test_croissant_says_the_sha256(site: Site, dataset: str) -> None:
    answer = requests.get(f"{site.url}/dataset/{dataset}/croissant.jsonld", timeout=TIMEOUT_S)

    answer.raise_for_status()
    # JSON-LD has no list of one.
    assert answer.json()["distribution"]["sha256"] == {"@value": SHA256}
