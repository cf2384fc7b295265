"""A CKAN plugin as sites have them: resources have a list of stations, which the form sends as
``stations__0__river`` and so on."""

import json
from typing import Any

import ckan.plugins as p


class CustomFields(p.SingletonPlugin):
    """Keeps the list as JSON, since CKAN keeps no lists of its own accord."""

    p.implements(p.IResourceController, inherit=True)

    def before_resource_create(self, context: dict[str, Any], resource: dict[str, Any]) -> None:
        if "stations" in resource:
            resource["stations"] = json.dumps(resource["stations"])
