"""Notes for those who come from dtool-s3, shown once: both are installed, or a setting has no effect."""

import logging
from functools import lru_cache
from importlib.metadata import entry_points

from s3portal.dtool.settings import setting_names

logger = logging.getLogger(__name__)

# dtool-s3's first releases and many samples have them without the bucket; no release since reads them.
_UNSUFFIXED = (
    "DTOOL_S3_ENDPOINT",
    "DTOOL_S3_ACCESS_KEY_ID",
    "DTOOL_S3_SECRET_ACCESS_KEY",
    "DTOOL_S3_DATASET_PREFIX",
)


@lru_cache
def warn_of_dtool_s3() -> None:
    """Says so where dtool-s3 is installed as well: dtoolcore keeps one broker for ``s3://``, whichever comes
    last, and never says which.
    """
    brokers = entry_points(group="dtool.storage_brokers")
    if any(broker.value.split(".")[0] == "dtool_s3" for broker in brokers):
        logger.warning(
            "dtool-s3 is installed beside s3portal, and both handle s3:// URIs, so either of them may run."
            " Keep one: pip uninstall dtool-s3"
        )


@lru_cache
def warn_of_unsuffixed_settings(bucket: str, config_path: str | None) -> None:
    """Says so of settings without a bucket's name, which do nothing."""
    for name in sorted(setting_names(config_path).intersection(_UNSUFFIXED)):
        logger.warning("%s is set but has no effect. Settings belong to a bucket: %s_%s", name, name, bucket)
