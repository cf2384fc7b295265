"""dtool-s3, as provided by s3portal."""

import logging
from importlib.metadata import version

__version__ = version("dtool-s3")

logger = logging.getLogger(__name__)
