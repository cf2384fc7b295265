"""The pictures of docs/console.md, made anew with S3PORTAL_SCREENSHOTS=1."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest
import requests
from chromium import open_context
from console_in_browser import ACL_BUCKET, BUCKET, client_of, sign_in
from console_in_browser import console as console  # a fixture
from pdf_files import pdf_of
from playwright.sync_api import Browser, expect
from random_files import random_file
from test_console_in_chromium import SCREENS, choose

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.operator_view import NewConnection, ReplicationRule
from s3portal.server.testing import RunningServer

PICTURES = {
    "buckets": "/ui/buckets",
    "objects": f"/ui/buckets/{BUCKET}/objects",
    "object": f"/ui/buckets/{BUCKET}/object?key=stations.csv",
    "share": f"/ui/buckets/{BUCKET}/object/share?key=stations.csv",
    "preview": f"/ui/buckets/{BUCKET}/object/preview?key=stations.csv",
    "preview-pdf": f"/ui/buckets/{BUCKET}/object/preview?key=report.pdf",
    "upload": f"/ui/buckets/{BUCKET}/upload?prefix=2026/",
    "unfinished": f"/ui/buckets/{BUCKET}/uploads",
    "policy": f"/ui/buckets/{BUCKET}/policy?preset=public-read",
    "settings": f"/ui/buckets/{BUCKET}/settings",
    "acl": f"/ui/buckets/{ACL_BUCKET}/acl",
    "cors": f"/ui/buckets/{BUCKET}/documents/cors",
    "users": "/ui/people/users",
    "user": "/ui/people/users/one?name=anna",
    "roles": "/ui/people/roles",
    "group": "/ui/people/groups/one?name=hydrologists",
    "role": "/ui/people/roles/one?name=harvester",
    "policies": "/ui/people/policies",
    "why": "/ui/why?who=user/portal&action=s3:GetObject&resource=test-bucket/stations.csv",
    "keys": "/ui/keys",
    "key": "/ui/keys/one?id=alias/field-data",
    "replication": f"/ui/buckets/{BUCKET}/replication",
    "connections": "/ui/server/connections",
    "integrity": "/ui/server/integrity",
    "server": "/ui/server",
    "audit": "/ui/server/audit",
    "about": "/ui/server/about",
}

REPORT = pdf_of("River gauges 2026", "Dresden, 3.2 m", title="River gauges")


@pytest.mark.skipif(not os.environ.get("S3PORTAL_SCREENSHOTS"), reason="makes the pictures of the docs")
def test_pictures_for_the_docs(
    chromium: Browser, console: tuple[ConsoleFrontEnd, RunningServer], tmp_path: Path
) -> None:
    folder = Path("docs/screenshots")
    client_of(console[1]).put_object(Bucket=BUCKET, Key="report.pdf", Body=REPORT)
    use_for_an_hour(console[1])
    replicate(console[1])
    for screen, (width, height, scheme) in SCREENS.items():
        context = open_context(
            chromium,
            base_url=console[0].url.removesuffix("/ui"),
            viewport={"width": width, "height": height},
            color_scheme=scheme,
        )
        page = context.new_page()
        page.goto("/ui/sign-in")
        page.screenshot(path=folder / f"console-sign-in-{screen}.jpg", type="jpeg", quality=70)
        sign_in(page, console[1])
        for name, path in PICTURES.items():
            page.goto(path)
            page.wait_for_load_state("networkidle")
            if name == "preview-pdf":
                expect(page.frame_locator("iframe").locator("canvas").first).to_be_visible()
            if name == "upload":
                file = random_file(tmp_path / "river-gauges-2026.nc", 3 * 1024 * 1024)
                choose(page, file)
                expect(page.get_by_text("Uploaded and verified").first).to_be_visible()
            # Of the operations that are counted, the first are enough.
            page.screenshot(
                path=folder / f"console-{name}-{screen}.jpg",
                type="jpeg",
                quality=70,
                full_page=name != "server",
            )
        context.close()


def replicate(server: RunningServer) -> None:
    """Replicates a bucket to another of the same server, as if it were a second site."""
    admin, replicator = server.users["admin"], server._server.view.replicator
    client_of(server).create_bucket(Bucket="archive")
    client_of(server).put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    replicator.save_connection(
        NewConnection("second-site", server.endpoint, admin.access_key_id, admin.secret_access_key)
    )
    rule = ReplicationRule("to-the-archive", "second-site", "archive", prefix="2026/", existing_objects=True)
    replicator.save_rule(BUCKET, rule)


def use_for_an_hour(server: RunningServer) -> None:
    """Asks for things at every minute of the last hour by the server's clock. Nothing is signed: signatures
    have a time of their own."""
    url, numbers = f"{server.endpoint}/{ACL_BUCKET}", Random(7)
    client_of(server).put_object(
        Bucket=ACL_BUCKET, Key="levels.csv", Body=b"Dresden,3.2\n" * 10_000, ACL="public-read"
    )
    for minute in range(59, 0, -1):
        server.clock.set(datetime.now(timezone.utc) - timedelta(minutes=minute))
        for _ in range(numbers.randrange(15, 40)):
            requests.get(f"{url}/levels.csv", timeout=60)
        if minute % 9 == 0:
            requests.get(f"{url}/no-such-object", timeout=60)
    server.clock.reset()
