"""“All is well” means that an upload and a download were made, as a browser makes them."""

from collections.abc import Callable

import pytest
from doctor_cases import SITE_URL, Examine
from store_front import StoreFront

from s3portal.portal.doctor import Use
from s3portal.server.pytest_plugin import ROLE_ARN


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5"])
@pytest.mark.parametrize("upload_mode", ["presigned", "sts"])
def test_a_store_that_is_well_is_used_and_left_empty(
    examine: Examine, front: StoreFront, remains: Callable[[], list[str]], upload_mode: str, checksum: str
) -> None:
    # The bucket exposes one of the checksums.
    front.alter = lambda asked, said: said.headers.append(
        ("Access-Control-Expose-Headers", "x-amz-checksum-crc32c")
    )

    settings = {"upload_mode": upload_mode, "checksum": checksum, "s3_role": ROLE_ARN}
    examined = examine(s3_endpoint=front.endpoint, max_upload_size=0, **settings)

    assert examined.is_well, examined.complaints
    assert {"CORS", "upload", "download", "checksum", "public access"} <= {
        finding.subject for finding in examined.findings
    }
    assert remains() == []


def test_what_was_sent_is_what_a_browser_sends(examine: Examine, front: StoreFront) -> None:
    examine(s3_endpoint=front.endpoint, checksum="md5", max_upload_size=0)

    parts = [asked for asked in front.asked if "partNumber" in asked.query and "origin" in asked.headers]
    preflight, put = parts
    assert (preflight.method, put.method) == ("OPTIONS", "PUT")
    assert preflight.headers["origin"] == put.headers["origin"] == SITE_URL
    assert preflight.headers["access-control-request-method"] == "PUT"
    assert preflight.headers["access-control-request-headers"] == "content-md5"
    assert preflight.query == put.query
    assert "authorization" not in put.headers
    assert len(put.body) == 5 * 1024 * 1024
    reads = [asked for asked in front.asked if asked.query.get("response-content-type")]
    assert [asked.headers.get("range") for asked in reads] == [None, "bytes=1-4"]


def test_parts_are_sent_to_the_address_of_browsers(examine: Examine, front: StoreFront) -> None:
    examined = examine(s3_public_endpoint=front.endpoint)

    assert examined.is_well, examined.complaints
    # What the portal asks for itself goes to its own address.
    assert {asked.method for asked in front.asked} == {"GET", "OPTIONS", "PUT"}
    assert not [asked for asked in front.asked if "authorization" in asked.headers]


def test_a_global_cors_rule_is_as_good_as_one_of_the_bucket(examine: Examine, front: StoreFront) -> None:
    def like_minio(asked, said) -> None:  # type: ignore[no-untyped-def]
        said.headers = [(name, value) for name, value in said.headers if "access-control" not in name.lower()]
        if "cors" in asked.query:
            said.status, said.body = 501, b"<Error><Code>NotImplemented</Code></Error>"
        if asked.method == "OPTIONS":
            said.status = 204
            said.headers += [
                ("Access-Control-Allow-Methods", asked.headers["access-control-request-method"]),
                ("Access-Control-Allow-Headers", asked.headers.get("access-control-request-headers", "")),
            ]
        if "origin" in asked.headers:
            said.headers += [
                ("Access-Control-Allow-Origin", asked.headers["origin"]),
                ("Access-Control-Allow-Credentials", "true"),
                ("Access-Control-Expose-Headers", "Date, Etag, Server, X-Amz*, X-Amz*, *"),
            ]

    front.alter = like_minio

    examined = examine(s3_endpoint=front.endpoint, site_url="http://127.0.0.2:80")

    assert examined.is_well, examined.complaints


def test_a_site_url_in_capitals_with_its_port_is_the_same_site(examine: Examine, front: StoreFront) -> None:
    examined = examine(s3_endpoint=front.endpoint, site_url="HTTP://127.0.0.1:5000/Data")

    assert examined.is_well, examined.complaints
    assert {asked.headers["origin"] for asked in front.asked if "origin" in asked.headers} == {SITE_URL}


def test_a_portal_without_direct_uploads_is_not_asked_for_cors(examine: Examine) -> None:
    examined = examine(
        site_url="http://127.0.0.2:81",
        fields={"browser_uploads": Use.OFF, "browser_downloads": True},
    )

    assert examined.is_well, examined.complaints
    assert examined.states("CORS") == []
    assert examined.states("download") == ["ok"]


def test_what_could_be_switched_on_is_no_mistake(examine: Examine) -> None:
    examined = examine(site_url="http://localhost.", fields={"browser_uploads": Use.POSSIBLE})

    assert examined.is_well, examined.complaints
    (finding,) = (finding for finding in examined.findings if finding.subject == "CORS")
    assert finding.text.startswith(
        "before direct uploads are switched on: pages of http://localhost. may not"
    )
    assert finding.mend.endswith("or: portal doctor --apply")


def test_nothing_is_written_to_a_store_that_is_only_read(examine: Examine, front: StoreFront) -> None:
    examined = examine(s3_endpoint=front.endpoint, fields={"is_written": False})

    assert examined.is_well, examined.complaints
    assert {asked.method for asked in front.asked} == {"GET"}
