"""READMEs that were replaced, which are kept."""

from datetime import datetime, timezone

from s3portal.dtool.bucket_objects import BucketObjects
from s3portal.dtool.keys import DatasetKeys


def replace_readme(objects: BucketObjects, keys: DatasetKeys, content: str) -> None:
    """Stores the README. What it replaces is kept under the time of now, in seconds since 1970 in UTC."""
    if replaced := objects.get_if_there(keys.readme):
        now = datetime.now(timezone.utc).timestamp()
        objects.put(f"{keys.historical_readmes}{now}", replaced[0])
    objects.put(keys.readme, content.encode())
