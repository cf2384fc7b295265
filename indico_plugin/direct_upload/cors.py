"""Lets pages of this site send parts to its buckets."""

from botocore.exceptions import BotoCoreError, ClientError
from indico.core.config import config

from indico_plugin.direct_upload.permission import direct_uploads_on
from indico_plugin.plugin_settings import logger
from s3portal.buckets.creating import carried_out
from s3portal.buckets.fixes import let_pages_in
from s3portal.buckets.problems import BucketProblem
from s3portal.portal.doctor import serialised_origin
from s3portal.transfer import Store, lets_in, read_cors_rules


def site_origin() -> str:
    """The origin of this site's pages, as browsers write it."""
    return serialised_origin(config.BASE_URL)


def let_site_in(store: Store) -> bool:
    """Adds this site's rule to the bucket's, unless one is enough, and says whether it did. Raises
    BucketProblem, ClientError and BotoCoreError.
    """
    origin = site_origin()
    if lets_in(read_cors_rules(store), origin):
        return False
    return bool(carried_out(lambda: let_pages_in(store, origin)))


def open_new_bucket(store: Store, **kwargs) -> None:
    """Lets this site into a bucket that was just made, where it has direct uploads. A store without CORS is
    logged: normal uploads work there anyway.
    """
    if not direct_uploads_on():
        return
    try:
        let_site_in(store)
    except (BucketProblem, ClientError, BotoCoreError) as error:
        logger.error("Bucket %s has no CORS rule for direct uploads: %s", store.bucket, error)
