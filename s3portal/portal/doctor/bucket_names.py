"""What a bucket can be called: S3 User Guide, "Bucket naming rules"."""

import re


def impossible_bucket_name(bucket: str) -> str | None:
    """Why no bucket can be made under this name; None where one can.

    Some stores have older buckets with other names, so this is only looked at where there is none.
    """
    if not 3 <= len(bucket) <= 63:
        return f"it has {len(bucket)} characters, but a bucket's name must have 3 to 63"
    if not re.fullmatch(r"[a-z0-9.-]+", bucket):
        odd = re.sub(r"[a-z0-9.-]", "", bucket)
        return (
            f"{odd[0]!r} is in it, but a bucket's name may only contain lower-case letters, digits, hyphens"
            " and dots"
        )
    if not re.fullmatch(r"[a-z0-9].*[a-z0-9]", bucket):
        return "a bucket's name must begin and end with a lower-case letter or a digit"
    if ".." in bucket or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", bucket):
        return "a bucket's name must not contain two dots in a row or be an IP address"
    if bucket.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or bucket.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
    ):
        return "S3 reserves names of this form"
    return None
