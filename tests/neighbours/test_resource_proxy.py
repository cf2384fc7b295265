"""CKAN's proxy for views, which fetches a file by its link as a stranger would."""

import pytest
import requests
from neighbour_site import TIMEOUT_S, Site

CONTENT = b"gauge,level\nBasel,3\n"


def proxied(site: Site, *, private: bool, **headers: str) -> requests.Response:
    dataset = site.dataset(private=private)
    resource = site.publish(dataset, CONTENT, "levels.csv", "text/csv")
    link = f"{site.url}/dataset/{dataset}/resource/{resource['id']}/proxy"
    return requests.get(link, headers=headers, timeout=TIMEOUT_S)


def test_a_public_file_is_proxied(site: Site) -> None:
    answer = proxied(site, private=False)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("signed_in", [False, True], ids=["a stranger", "the publisher"])
def test_a_private_file_is_not(site: Site, signed_in: bool) -> None:
    answer = proxied(site, private=True, **(site.headers if signed_in else {}))

    assert answer.status_code >= 400
    assert CONTENT not in answer.content
