"""Downloads through CloudFront: addresses and cookies that a local verifier of the signature lets in."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from callers import Caller, new_publisher
from ckan import model
from ckan.exceptions import CkanConfigurationException
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from example_plugin import ExamplePlugin
from loaded_plugins import loaded
from local_cloudfront import LocalCloudFront, Refused, require_cookies, require_signed_url
from served_portal import served
from shown_links import CONTENT, Setting

from ckanext.s3multipart.settings import PREFIX, check_settings, portal_store
from ckanext.s3multipart.upkeep.doctor import _examine_downloads

KEY_ID = "K2JCJMDEHXQW5F"
#: How a browser asks for a file that someone clicks on.
BROWSER = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def write_key(folder: Path, private_key: Any) -> Path:
    path = folder / "cloudfront.pem"
    path.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def key_file(private_key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_key(tmp_path_factory.mktemp("key"), private_key)


@pytest.fixture
def cloudfront(
    portal: Any, setting: Setting, private_key: rsa.RSAPrivateKey, key_file: Path, s3_server: Any
) -> Iterator[LocalCloudFront]:
    """A distribution in front of the bucket, with which the portal is set up."""
    store = portal_store()
    local = LocalCloudFront(
        store.client(), store.bucket, private_key.public_key(), KEY_ID, lambda: local.now_s
    )
    local.now_s = time.time()
    with served(local) as address:
        local.domain = address
        setting("download_mode", "cloudfront")
        setting("download_domain", address)
        setting("cloudfront_key_id", KEY_ID)
        setting("cloudfront_private_key", str(key_file))
        yield local


def location(caller: Caller, url: str, **headers: str) -> str:
    answer = caller.get(url, headers=headers)
    assert answer.status_code == 302, answer.get_data(as_text=True)[:500]
    return answer.headers["Location"]


@pytest.mark.parametrize("private", [False, True])
def test_a_file_comes_from_the_domain_by_a_signed_address(
    portal: Any, cloudfront: LocalCloudFront, private: bool
) -> None:
    publisher = new_publisher(portal, private=private)
    resource = publisher.publish(CONTENT, filename="Flüsse +1.csv")

    url = location(publisher, resource["url"])
    served_ = requests.get(url, timeout=120)

    assert url.startswith(cloudfront.domain + "/")
    assert (served_.status_code, served_.content) == (200, CONTENT)
    assert served_.headers["Content-Disposition"].startswith("attachment")
    # A client that forwards its token is served as well.
    assert requests.get(url, headers=publisher.headers, timeout=120).content == CONTENT


def test_an_address_is_for_one_file_and_for_minutes(publisher: Caller, cloudfront: LocalCloudFront) -> None:
    first, second = (publisher.publish(CONTENT, filename=name) for name in ("a.csv", "b.csv"))
    url, other = location(publisher, first["url"]), location(publisher, second["url"])
    check = (cloudfront.public_key, KEY_ID)

    require_signed_url(url, *check, cloudfront.now_s)
    require_signed_url(url, *check, cloudfront.now_s + 290)
    for changed, now_s in (
        (url, cloudfront.now_s + 310),
        (url.replace(urlsplit(url).path, urlsplit(other).path), cloudfront.now_s),
        (url.replace("attachment", "inline"), cloudfront.now_s),
        (url.replace("text%2Fcsv", "text%2Fhtml"), cloudfront.now_s),
        (url.partition("&Expires")[0], cloudfront.now_s),
    ):
        with pytest.raises(Refused):
            require_signed_url(changed, *check, now_s)


def test_strangers_get_no_address_of_a_private_file(
    portal: Any, anonymous: Caller, cloudfront: LocalCloudFront
) -> None:
    private = new_publisher(portal, private=True)
    resource = private.publish(CONTENT)

    answer = anonymous.get(resource["url"])

    assert answer.status_code in (302, 403, 404)
    assert "Signature" not in str(answer.headers)
    bare = location(private, resource["url"]).partition("?")[0]
    assert requests.get(bare, timeout=120).status_code == 403


class TestCookies:
    @pytest.fixture(autouse=True)
    def with_cookies(self, cloudfront: LocalCloudFront, setting: Setting, ckan_config: Any) -> None:
        setting("cloudfront_cookies", True)
        self.site_host = urlsplit(ckan_config["ckan.site_url"]).hostname

    def cookies(self, caller: Caller, url: str, **headers: str) -> tuple[str, dict[str, str], list[str]]:
        answer = caller.get(url, headers={**BROWSER, **headers})
        lines = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("CloudFront-")]
        pairs = (line.partition(";")[0].partition("=") for line in lines)
        return answer.headers["Location"], {name: value for name, _, value in pairs}, lines

    @pytest.fixture
    def site_beside(self, ckan_config: Any, monkeypatch: pytest.MonkeyPatch, setting: Setting) -> str:
        """The portal and the files have a domain in common."""
        monkeypatch.setitem(ckan_config, "ckan.site_url", "https://data.example.org")
        setting("download_domain", "https://files.example.org")
        return "https://files.example.org"

    def test_a_cookie_covers_one_dataset(
        self, portal: Any, cloudfront: LocalCloudFront, site_beside: str
    ) -> None:
        publisher, other = new_publisher(portal, private=True), new_publisher(portal, private=True)
        resource, beside = publisher.publish(CONTENT), publisher.publish(b"beside", filename="b.csv")
        elsewhere = other.publish(b"elsewhere")

        url, cookies, lines = self.cookies(publisher, resource["url"])
        url_beside, _, _ = self.cookies(publisher, beside["url"])
        url_elsewhere, _, _ = self.cookies(other, elsewhere["url"])

        check = (cookies, cloudfront.public_key, KEY_ID)
        assert "?" not in url
        require_cookies(url, *check, cloudfront.now_s)
        require_cookies(url_beside, *check, cloudfront.now_s + 290)
        with pytest.raises(Refused):
            require_cookies(url_elsewhere, *check, cloudfront.now_s)
        with pytest.raises(Refused):
            require_cookies(url, *check, cloudfront.now_s + 310)
        assert len(lines) == 3
        for line in lines:
            for attribute in ("Domain=example.org", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=300"):
                assert attribute in line
            assert f"Path={urlsplit(url).path.rsplit('/', 2)[0]}/" in line

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "", "Sec-Fetch-Mode": "", "Sec-Fetch-Dest": ""},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        ],
    )
    def test_who_would_not_bring_a_cookie_gets_a_signed_address(
        self, publisher: Caller, cloudfront: LocalCloudFront, site_beside: str, headers: dict[str, str]
    ) -> None:
        url, cookies, _ = self.cookies(publisher, publisher.publish(CONTENT)["url"], **headers)

        require_signed_url(url, cloudfront.public_key, KEY_ID, cloudfront.now_s)
        assert cookies == {}

    def test_without_a_common_domain_there_are_no_cookies(
        self, publisher: Caller, cloudfront: LocalCloudFront
    ) -> None:
        url, cookies, _ = self.cookies(publisher, publisher.publish(CONTENT)["url"])

        require_signed_url(url, cloudfront.public_key, KEY_ID, cloudfront.now_s)
        assert cookies == {}

    def test_no_cookie_covers_a_file_that_went_to_another_dataset(
        self, portal: Any, cloudfront: LocalCloudFront, site_beside: str
    ) -> None:
        """Its key stays where it is, below the dataset that everybody sees."""
        publisher, private = new_publisher(portal), new_publisher(portal, private=True)
        stays, goes = publisher.publish(CONTENT), publisher.publish(b"secret", filename="b.csv")
        model.Session.query(model.Resource).filter_by(id=goes["id"]).update({"package_id": private.dataset})
        model.Session.commit()

        url, cookies, _ = self.cookies(Caller(portal), stays["url"])

        assert cookies == {}
        require_signed_url(url, cloudfront.public_key, KEY_ID, cloudfront.now_s)

    def test_no_cookie_covers_what_an_extension_decides_about(
        self, portal: Any, publisher: Caller, cloudfront: LocalCloudFront, site_beside: str
    ) -> None:
        """It may refuse another file of the dataset, and what it changes is in the address."""
        resource = publisher.publish(CONTENT, filename="a.pdf")

        with loaded(example=ExamplePlugin):
            url, cookies, _ = self.cookies(Caller(portal), resource["url"])

        assert cookies == {}
        require_signed_url(url, cloudfront.public_key, KEY_ID, cloudfront.now_s)
        assert "map.pdf" in url


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"download_domain": ""}, "download_domain is missing"),
        ({"cloudfront_key_id": ""}, "cloudfront_key_id is missing"),
        ({"cloudfront_private_key": ""}, "cloudfront_private_key is missing"),
        ({"cloudfront_private_key": "/no/such/file.pem"}, "cannot be read"),
        ({"cloudfront_cookies": "true", "download_mode": "redirect"}, "cloudfront_cookies is on"),
    ],
)
def test_a_setting_that_is_missing_is_named(changes: dict[str, str], problem: str, key_file: Path) -> None:
    settings = {
        "s3_bucket": "river-data",
        "download_mode": "cloudfront",
        "download_domain": "https://files.example.org",
        "cloudfront_key_id": KEY_ID,
        "cloudfront_private_key": str(key_file),
    }
    check_settings({PREFIX + name: value for name, value in settings.items()})

    with pytest.raises(CkanConfigurationException, match=problem):
        check_settings({PREFIX + name: value for name, value in {**settings, **changes}.items()})


def test_a_key_that_is_no_rsa_key_is_named(tmp_path: Path) -> None:
    path = write_key(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    settings = {
        "s3_bucket": "river-data",
        "download_mode": "cloudfront",
        "download_domain": "https://files.example.org",
        "cloudfront_key_id": KEY_ID,
        "cloudfront_private_key": str(path),
    }

    with pytest.raises(CkanConfigurationException, match="is no RSA key"):
        check_settings({PREFIX + name: value for name, value in settings.items()})


def test_the_doctor_says_that_cookies_have_no_effect(cloudfront: LocalCloudFront, setting: Setting) -> None:
    assert list(_examine_downloads()) == []

    setting("cloudfront_cookies", True)

    [finding] = _examine_downloads()
    assert (finding.state, "have no domain in common" in finding.text) == ("look", True)
