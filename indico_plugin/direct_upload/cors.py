"""What a bucket must allow so that a browser, on a page of this site, may send parts to it."""

from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.config import config

from indico_plugin.direct_upload.permission import direct_uploads_on
from indico_plugin.plugin_settings import logger
from s3portal.transfer import Store
from s3portal.transfer.store_errors import error_code

#: What the script compares each part by. Without ETag in its reach, it cannot even tell that a part was
# stored.
_EXPOSED = ["ETag", "x-amz-checksum-crc64nvme", "x-amz-checksum-crc32c"]


def site_origin() -> str:
    """The origin of this site's pages: scheme, host and port of BASE_URL."""
    parts = urlsplit(config.BASE_URL)
    return f"{parts.scheme}://{parts.netloc}"


def cors_rule(origin: str) -> dict:
    """The rule that direct uploads from pages of ``origin`` need."""
    return {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["PUT", "GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": _EXPOSED,
        "MaxAgeSeconds": 3600,
    }


def read_rules(store: Store) -> list[dict]:
    """The bucket's rules, none where it has no CORS configuration. Raises ClientError."""
    try:
        return store.client().get_bucket_cors(Bucket=store.bucket)["CORSRules"]
    except ClientError as error:
        if error_code(error) == "NoSuchCORSConfiguration":
            return []
        raise


def lets_in(rules: list[dict], origin: str) -> bool:
    """Whether one of the rules is enough for direct uploads from this origin."""
    return any(
        {origin, "*"} & set(rule["AllowedOrigins"])
        and "PUT" in rule["AllowedMethods"]
        and {header.lower() for header in _EXPOSED}
        <= {header.lower() for header in rule.get("ExposeHeaders", [])}
        for rule in rules
    )


def let_site_in(store: Store) -> bool:
    """Adds this site's rule to the bucket's, unless one is enough, and says whether it did. Raises
    ClientError.
    """
    origin = site_origin()
    rules = read_rules(store)
    if lets_in(rules, origin):
        return False
    store.client().put_bucket_cors(
        Bucket=store.bucket, CORSConfiguration={"CORSRules": [*rules, cors_rule(origin)]}
    )
    return True


def open_new_bucket(store: Store, **kwargs) -> None:
    """Lets this site into a bucket that was just made, where it has direct uploads. A store without CORS is
    logged: normal uploads work there all the same.
    """
    if not direct_uploads_on():
        return
    try:
        let_site_in(store)
    except (ClientError, BotoCoreError) as error:
        logger.error("Bucket %s has no CORS rule for direct uploads: %s", store.bucket, error)
