"""What ckanext-dcat makes of a resource, where it is installed beside."""

import hashlib
from typing import Any

import pytest
from callers import Caller

profiles = pytest.importorskip("ckanext.dcat.processors")

CONTENT = b"gauge,level\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def dataset(publisher: Caller) -> dict[str, Any]:
    """With one file whose SHA-256 is known."""
    upload = publisher.begin(CONTENT)
    publisher.attach(publisher.do("s3multipart_upload_complete", id=upload["id"], sha256=SHA256))
    return publisher.do("package_show", id=publisher.dataset)


def test_dcat_says_the_sha256(publisher: Caller, dataset: dict[str, Any]) -> None:
    serialised = serialise(publisher, dataset, "euro_dcat_ap_3")

    assert f'spdx:checksumValue "{SHA256}"^^xsd:hexBinary' in serialised
    assert "spdx:algorithm spdx:checksumAlgorithm_sha256" in serialised


def test_croissant_says_the_sha256(publisher: Caller, dataset: dict[str, Any]) -> None:
    assert f'sha256 "{SHA256}"' in serialise(publisher, dataset, "croissant")


def serialise(publisher: Caller, dataset: dict[str, Any], profile: str) -> str:
    from ckanext.dcat.profiles import CroissantProfile, EuropeanDCATAP3Profile

    found = {"euro_dcat_ap_3": EuropeanDCATAP3Profile, "croissant": CroissantProfile}[profile]
    with publisher.app.flask_app.test_request_context():
        serializer = profiles.RDFSerializer(profiles=[])
        serializer._profiles = [found]
        return serializer.serialize_dataset(dataset, _format="turtle")
