"""Having CloudFront forget an address (CloudFront API Reference, CreateInvalidation, GetInvalidation)."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ckanext.s3multipart.downloads.cloudfront import plain_url
from ckanext.s3multipart.errors import CacheKeepsFiles
from ckanext.s3multipart.settings import download_settings, portal_store
from s3portal.transfer import StoreFailed, encoded_key


def caches_files() -> bool:
    """Whether something between readers and the store keeps what everybody reaches."""
    settings = download_settings()
    return bool(settings.download_domain) and settings.download_domain_cached


def require_invalidation() -> None:
    """Raises CacheKeepsFiles where a cache keeps files that the portal cannot have it forget."""
    if caches_files() and not download_settings().cloudfront_distribution:
        raise CacheKeepsFiles


def begin_invalidation(key: str, reference: str) -> str:
    """Asks CloudFront to forget the address of this key; returns the id of the request. Asked again with the
    same reference, the answer is the same. Raises StoreFailed."""
    batch = {
        "Paths": {"Quantity": 1, "Items": [f"/{encoded_key(key)}*"]},
        "CallerReference": reference,
    }
    answer = _asked(
        "CreateInvalidation",
        lambda client, distribution: client.create_invalidation(
            DistributionId=distribution, InvalidationBatch=batch
        ),
    )
    return str(answer["Invalidation"]["Id"])


def is_invalidated(invalidation_id: str) -> bool:
    """Whether every place of CloudFront has forgotten the address. Raises StoreFailed."""
    answer = _asked(
        "GetInvalidation",
        lambda client, distribution: client.get_invalidation(DistributionId=distribution, Id=invalidation_id),
    )
    return bool(answer["Invalidation"]["Status"] == "Completed")


def address_of(key: str) -> str:
    """Where everybody finds what is under this key."""
    store, settings = portal_store(), download_settings()
    return plain_url(settings, key) if settings.download_domain else store.address.base_url + encoded_key(key)


def _asked(operation: str, ask: Any) -> Any:
    client = portal_store().once("cloudfront", lambda: portal_store().session().client("cloudfront"))
    try:
        return ask(client, download_settings().cloudfront_distribution)
    except (ClientError, BotoCoreError) as error:
        raise StoreFailed(operation=operation, store_code=str(error)) from error
