"""The main pages of the console in Firefox: sign in, upload, preview, policy in words, who may do what."""

import json
from pathlib import Path

from console_in_browser import ACL_BUCKET, BUCKET, client_of
from console_in_browser import console as console  # a fixture
from firefox import Firefox as Firefox
from firefox import firefox as firefox  # a fixture
from random_files import random_file

from s3portal.console.serving import ConsoleFrontEnd
from s3portal.server.testing import RunningServer

CHOOSE = '.s3portal-uploader [data-s3portal="choose"]'
ANNA_READS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:user/anna"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/2026/*",
        }
    ],
}
LOADED = "document.readyState === 'complete'"


def says(text: str) -> str:
    """Whether the page says so, as an expression."""
    return f"{LOADED} && document.body.innerText.includes({json.dumps(text)})"


def sign_in(firefox: Firefox, console: ConsoleFrontEnd, server: RunningServer) -> None:
    admin = server.users["admin"]
    firefox.open(f"{console.url}/sign-in")
    firefox.fill("[name=access_key_id]", admin.access_key_id)
    firefox.fill("[name=secret_access_key]", admin.secret_access_key)
    firefox.click("main form button")
    firefox.wait_for(f"location.pathname === '/ui/buckets' && {LOADED}")


def complaints(firefox: Firefox) -> list[str]:
    """What Firefox calls an error: a script that failed, or what the content security policy stopped."""
    return [each["text"] for each in firefox.events.get("log.entryAdded", []) if each["level"] == "error"]


def test_the_main_pages(
    firefox: Firefox, console: tuple[ConsoleFrontEnd, RunningServer], tmp_path: Path
) -> None:
    front_end, server = console
    file = random_file(tmp_path / "ü river.bin", 12 * 1024 * 1024 + 5)
    sign_in(firefox, front_end, server)

    firefox.open(f"{front_end.url}/buckets/{BUCKET}/upload?prefix=from%20Firefox/")
    firefox.wait_for(f"document.querySelector({json.dumps(CHOOSE)})?.checkVisibility()")
    firefox.choose_file(CHOOSE, file)
    firefox.wait_for(says("Uploaded and verified"))
    stored = client_of(server).get_object(Bucket=BUCKET, Key="from Firefox/ü river.bin")
    assert stored["Body"].read() == file.read_bytes()

    firefox.open(f"{front_end.url}/buckets/{BUCKET}/object/preview?key=stations.csv")
    firefox.wait_for(says("Dresden"))
    client_of(server).put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(ANNA_READS))
    firefox.open(f"{front_end.url}/buckets/{BUCKET}/policy")
    firefox.wait_for(says("anna may do s3:GetObject"))
    firefox.open(f"{front_end.url}/why?who=user/anna&action=s3:GetObject&resource={BUCKET}/stations.csv")
    firefox.wait_for(says("No."))
    firefox.open(f"{front_end.url}/why?who=user/anna&action=s3:GetObject&resource={BUCKET}/2026/a.nc")
    firefox.wait_for(says("The statement that decides"))
    for path in (
        "people/users",
        "keys",
        "server",
        "server/audit",
        f"buckets/{BUCKET}/settings",
        f"buckets/{ACL_BUCKET}/acl",
    ):
        firefox.open(f"{front_end.url}/{path}")
        assert firefox.run("document.querySelectorAll('h1').length") == 1, path
    assert complaints(firefox) == []

    firefox.run("document.querySelector('header details')?.setAttribute('open', '')")
    firefox.click("header form button")
    firefox.wait_for(f"location.pathname === '/ui/sign-in' && {LOADED}")
    firefox.open(f"{front_end.url}/buckets")
    assert firefox.run("location.pathname") == "/ui/sign-in"
