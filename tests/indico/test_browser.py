"""In Chromium on a running site: a manager uploads 64 MB directly, several files in one dialog, and
another in the place of one of these; a colleague may not; a reader downloads them.

With S3PORTAL_SCREENSHOTS=1 the pictures are written to docs/screenshots.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
from held_port import held_port
from services import services_python

from s3portal.demo.process import Child

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

HERE = Path(__file__).parent
SIZE_BYTES = 64_000_000
PASSWORD = "only-for-tests-9"


@pytest.fixture
def chromium():
    path = os.environ.get("S3PORTAL_CHROMIUM")
    if not path:
        pytest.skip("NOT RUN: S3PORTAL_CHROMIUM names no browser")
    return path


@pytest.fixture
def port():
    """Held, and not only chosen: the site is prepared before it is served there."""
    with held_port() as port:
        yield port


def test_a_manager_uploads_a_colleague_may_not_and_a_reader_downloads(
    chromium, make_site, s3, port, tmp_path
):
    s3.client.create_bucket(Bucket="browser")
    site = make_site(
        base_url=f"http://127.0.0.1:{port}",
        backends={"s3": f"s3:{s3.options(bucket='browser')}"},
        attachments="s3",
    )
    event = site.script((HERE / "people.py").read_text(), PASSWORD).split()[-1]
    mended = site.indico("s3", "doctor", "--apply").stdout
    assert f"CORS: applied: pages of http://127.0.0.1:{port} may send parts" in mended
    content = os.urandom(SIZE_BYTES)
    file = tmp_path / "recording.mp4"
    file.write_bytes(content)
    screenshots = Path("docs/screenshots") if os.environ.get("S3PORTAL_SCREENSHOTS") else tmp_path
    server = Child(
        "Indico", [site.python, HERE / "serve_site.py", str(port)], log=tmp_path / "indico.log",
        environment=site.environment,
    )  # fmt: skip
    try:
        server.wait_until(lambda: answers(f"{site.base_url}/login/"), timeout_s=300)
        arguments = [chromium, site.base_url, event, PASSWORD, file, screenshots]
        run = subprocess.run(
            [services_python(), HERE / "browser_upload.py", *arguments],
            capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        seen = json.loads(run.stdout.splitlines()[-1])
        with urlopen(f"{site.base_url}{seen['upload']['link']}", timeout=60) as downloaded:
            sha256 = hashlib.sha256(downloaded.read()).hexdigest()
        with urlopen(f"{site.base_url}{seen['replace_a_file']['link']}", timeout=60) as downloaded:
            replaced = downloaded.read()
    finally:
        server.stop()
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert "Saving when the upload is done" in seen["upload"]["waiting"]
    phone = seen["close_and_go_on_on_a_phone"]
    assert phone["right_edge"] <= 390
    # No part twice, although the dialog was closed half way.
    assert len(set(phone["parts"])) == len(phone["parts"])
    # 64 MB in parts of 8 MiB, or larger ones where the store is far; none of them to Indico.
    parts = seen["upload"]["parts"]
    assert 4 <= len(parts) <= 8
    assert (parts, seen["upload"]["to_indico"]) == (list(range(1, len(parts) + 1)), 0)
    assert seen["several_in_one_dialog"] == {"fits": True}
    assert replaced == b"corrected"
    assert (seen["replace_a_file"]["disabled_before"], seen["replace_a_file"]["fits"]) == (True, True)
    assert seen["try_without_permission"] == {"normal": 1, "buttons": 0, "answers": [403] * 7}


def answers(url: str) -> bool:
    try:
        return urlopen(url, timeout=120).status == 200
    except OSError:
        return False
