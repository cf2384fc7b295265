"""The doctor names what the portal's keys may not do, and what strangers may."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doctor_cases import Examine, MakeCase
from store_front import Asked, Said, StoreFront

from s3portal.server.pytest_plugin import BUCKET, server_config
from s3portal.server.testing import RunningServer


@pytest.fixture
def examine_with_policy(
    tmp_path: Path, make_case: MakeCase, examine: Examine
) -> Iterator[Callable[..., Any]]:
    """Examines a store where the portal's keys may do only these things."""
    servers = []

    def ask(*actions: str, **arguments: Any) -> Any:
        config = server_config()
        portal = next(user for user in config["users"] if user["name"] == "portal")
        portal["policy"]["Statement"][0] = {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
        server = RunningServer(tmp_path / f"s3-{len(servers)}", config)
        servers.append(server)
        return examine(s3_endpoint=server.endpoint, **arguments)

    yield ask
    for server in servers:
        server.stop()


ENOUGH = {
    "s3:PutObject",
    "s3:GetObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:GetLifecycleConfiguration",
}


def test_the_permissions_that_the_docs_name_are_enough(examine_with_policy: Callable[..., Any]) -> None:
    examined = examine_with_policy(*ENOUGH)

    assert examined.is_well, examined.complaints


@pytest.mark.parametrize(
    ("missing", "subject"),
    [
        ("s3:PutObject", "upload"),
        ("s3:ListMultipartUploadParts", "upload"),
        ("s3:GetObject", "upload"),
        ("s3:DeleteObject", "removing"),
    ],
)
def test_a_permission_that_the_keys_lack_is_named(
    examine_with_policy: Callable[..., Any], missing: str, subject: str
) -> None:
    examined = examine_with_policy(*(ENOUGH - {missing}))

    finding = examined.one("wrong")
    assert finding.subject == subject
    assert missing in finding.text
    assert finding.mend.startswith(f"allow {missing} on arn:aws:s3:::{BUCKET}/*")


def test_a_store_that_does_not_tell_bad_keys_from_missing_permissions(
    examine: Examine, front: StoreFront
) -> None:
    # As Ceph RGW with STS.
    def refuse(asked: Asked, said: Said) -> None:
        if said.status == 403:
            said.body = b"<Error><Code>AccessDenied</Code></Error>"

    front.alter = refuse
    assert examine(s3_endpoint=front.endpoint).is_well

    examined = examine(s3_endpoint=front.endpoint, s3_secret_access_key="wrong")

    finding = examined.one("wrong")
    assert finding.subject == "upload"
    assert "does not say whether they are wrong or lack s3:PutObject" in finding.text
    assert finding.mend.startswith(
        "check portal.s3_access_key_id and portal.s3_secret_access_key; then allow"
    )


def test_a_bucket_that_cannot_be_listed_is_used_anyway(examine_with_policy: Callable[..., Any]) -> None:
    examined = examine_with_policy(*(ENOUGH - {"s3:ListBucket"}))

    assert "s3:ListBucket" in examined.one("look").mend
    assert examined.states("upload") == ["ok"]


def test_strangers_who_get_something_are_told(examine: Examine, front: StoreFront) -> None:
    def public(asked: Asked) -> Said | None:
        if asked.is_signed or asked.method != "GET":
            return None
        listing = "list-type" in asked.query
        return Said(200, [], b"<ListBucketResult/>" if listing else b"x")

    front.instead = public

    finding = examine(s3_endpoint=front.endpoint).one("wrong")
    assert finding.subject == "public access"
    assert "anybody can read and list" in finding.text


def test_a_store_that_cannot_be_written_by_strangers_is_tried(
    examine: Examine, front: StoreFront, remains: Callable[[], list[str]]
) -> None:
    stranger = [0]

    def public(asked: Asked) -> Said | None:
        if asked.method == "PUT" and not asked.is_signed:
            stranger[0] += 1
            return Said(200)
        return None

    front.instead = public

    assert "anybody can write" in examine(s3_endpoint=front.endpoint).one("wrong").text
    assert (stranger, remains()) == ([1], [])
