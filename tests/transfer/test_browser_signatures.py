"""The signatures that the browser's own signer is held to: tests/js/core/signed-parts.json has them.

Every URL in that file is signed here again; tests/js/core/sigv4.test.js signs the same in JavaScript.
Together they say that a browser with session credentials signs to the byte as the portal does, which is to
the byte as botocore does (test_presign.py). After an intended change, S3PORTAL_WRITE_VECTORS=1 writes the
file.
"""

import json
import os
from datetime import datetime
from pathlib import Path

from botocore.credentials import ReadOnlyCredentials

from s3portal.transfer.part_plan import plan_parts
from s3portal.transfer.presign import UrlSigner, object_url
from s3portal.transfer.sizes import MIB
from s3portal.transfer.store import open_store
from s3portal.transfer.transfer_settings import TransferSettings

VECTORS = Path(__file__).parent.parent / "js" / "core" / "signed-parts.json"
SIGNED_AT = "2026-11-21T23:59:59+00:00"
S3_UPLOAD_ID = "2~kZ.x/+=_-é"
SIZE_BYTES = 12 * MIB + 3

CASES = [
    {"s3_bucket": "river-data", "s3_region": "ap-southeast-2"},
    {"s3_bucket": "river-data", "s3_endpoint": "http://127.0.0.1:9000", "s3_addressing_style": "path"},
    {"s3_bucket": "river-data", "s3_endpoint": "https://s3.example.org", "s3_addressing_style": "virtual"},
]
KEY = "uploads/0e6c/u 1/river+gauges & 'Pégel' (2026)~!.nc"


def vector(case: dict[str, str], session_token: str) -> dict[str, object]:
    """One case: what the browser is given, and the URLs of all parts."""
    store = open_store(TransferSettings(**case, s3_access_key_id="AKIDEXAMPLE", s3_secret_access_key="wJ/+x"))
    signer = UrlSigner(
        address=store.address,
        region=store.region,
        credentials=ReadOnlyCredentials("AKIDEXAMPLE", "wJ/+x", session_token or None),
        signed_at=datetime.fromisoformat(SIGNED_AT),
        expires_s=900,
    )
    plan = plan_parts(SIZE_BYTES)
    return {
        "url": object_url(store, KEY),
        "region": store.region,
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "wJ/+x",
        "session_token": session_token,
        "s3_upload_id": S3_UPLOAD_ID,
        "signed_at": SIGNED_AT,
        "lengths": [plan.length(number) for number in range(1, plan.part_count + 1)],
        "signed": [
            url for _, url in signer.part_urls(KEY, S3_UPLOAD_ID, plan, range(1, plan.part_count + 1))
        ],
    }


def test_the_portal_signs_as_the_vectors_say() -> None:
    vectors = [vector(case, token) for case in CASES for token in ("", "FwoGZXIvYXdzE+/==")]
    if os.environ.get("S3PORTAL_WRITE_VECTORS"):
        VECTORS.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n", "utf-8")

    assert json.loads(VECTORS.read_text("utf-8")) == vectors
