"""The pictures of users and of organisations stay where CKAN keeps them: they are no files of datasets."""

import io
import struct
import zlib

import pytest
from callers import Answer, Caller, new_sysadmin

from s3portal.server.testing import RunningServer


def png() -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(b"\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("action", "shown"),
    [("user_patch", "image_display_url"), ("organization_patch", "image_display_url")],
)
def test_a_picture_is_stored_and_served_by_ckan(
    portal, publisher: Caller, s3_server: RunningServer, action: str, shown: str
) -> None:
    whose = publisher.user_id if action == "user_patch" else publisher.organisation_id
    s3_server.requests.clear()

    response = (
        new_sysadmin(portal)
        .client()
        .post(
            f"/api/3/action/{action}",
            data={"id": whose, "image_upload": (io.BytesIO(png()), "portrait.png")},
            headers=new_sysadmin(portal).headers,
        )
    )

    url = Answer(response.status_code, response.get_json()).result[shown]
    assert url.startswith("http://test.ckan.net/uploads/")
    assert list(s3_server.requests) == []
