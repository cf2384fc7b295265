"""Whether a program is a robot, by COUNTER's own list (the package ``counter-robots``)."""

import logging
from functools import lru_cache

try:
    import counter_robots
except ModuleNotFoundError:
    counter_robots = None

log = logging.getLogger(__name__)

_LONGEST = 1000


def is_robot(user_agent: str) -> bool:
    """Crawlers and spiders, and what their authors use: the list has curl, wget and python-requests too."""
    return bool(user_agent) and _is_robot(user_agent[:_LONGEST])


@lru_cache(maxsize=1024)
def _is_robot(user_agent: str) -> bool:
    return counter_robots is not None and bool(counter_robots.is_robot(user_agent))


def warn_without_list() -> None:
    """One sentence in the log when CKAN starts."""
    if counter_robots is None:
        log.warning("Robots are counted as readers: install counter-robots (pip install 's3portal[ckan]').")
