"""An upload of three parts, and what a scripted store answers when it is completed."""

import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from s3portal.transfer import (
    State,
    Upload,
    plan_parts,
)
from s3portal.transfer.completion import expected_etag
from s3portal.transfer.sizes import MIB

if TYPE_CHECKING:
    from scripted_store import ScriptedStore


NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


PLAN = plan_parts(10 * MIB + 7)


UPLOAD = Upload(
    id="0c9a2f64",
    state=State.UPLOADING,
    owner_type="dataset",
    owner_id="rivers",
    user="anna",
    filename="rivers.csv",
    size_bytes=PLAN.size_bytes,
    content_type="text/csv",
    part_size_bytes=PLAN.part_size_bytes,
    part_count=PLAN.part_count,
    key="lab/rivers/0c9a2f64/rivers.csv",
    s3_upload_id="s3-upload",
    checksum_algorithm="MD5",
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
)


def md5(part_number: int) -> str:
    return hashlib.md5(bytes([part_number % 256]), usedforsecurity=False).hexdigest()


PART_ETAGS = [md5(number) for number in (1, 2, 3)]


ETAG = expected_etag(PART_ETAGS) or ""


def parts_page(sizes: dict[int, int], next_marker: int | None = None) -> str:
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size><ETag>&quot;{md5(number)}&quot;</ETag></Part>"
        for number, size in sizes.items()
    )
    truncated = "true" if next_marker else "false"
    more = f"<NextPartNumberMarker>{next_marker}</NextPartNumberMarker>" if next_marker else ""
    return f"<ListPartsResult><IsTruncated>{truncated}</IsTruncated>{more}{listed}</ListPartsResult>"


ALL_PARTS = parts_page({1: 5 * MIB, 2: 5 * MIB, 3: 7})


COMPLETE = f"<CompleteMultipartUploadResult><ETag>&quot;{ETAG}&quot;</ETag></CompleteMultipartUploadResult>"


def head(scripted: "ScriptedStore", **changes: str) -> None:
    """Scripts the HEAD of the object as it should be, but for the changes."""
    scripted.answer(
        **{
            "Content_Length": str(UPLOAD.size_bytes),
            "ETag": f'"{ETAG}"',
            "Content_Type": "text/csv",
            "x_amz_meta_upload": UPLOAD.id,
            **changes,
        }
    )
