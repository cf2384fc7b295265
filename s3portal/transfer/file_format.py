"""The format that a file's name suggests, by the rule that the uploader in the browser has too
(``js/src/form/prefill.js``); ``tests/shared/odd_names.json`` holds both to it.
"""

import re

from s3portal.transfer.keys import safe_filename

# With a letter in it: "minutes.2026" and "log.1" are years and counters. Before it stands a name, which
# safe_filename has seen to.
_EXTENSION = re.compile(r"\.(?=[0-9]*[A-Za-z])([A-Za-z0-9]{1,10})$")

#: Extensions that are no good name of their format. The others are their format's name.
_FORMAT_OF = {
    "geojson": "GeoJSON",
    "htm": "HTML",
    "jpg": "JPEG",
    "nc": "NetCDF",
    "tif": "TIFF",
    "yml": "YAML",
}


def format_of(filename: str) -> str:
    """The format of a file of this name, for example ``CSV``; "" where the name tells none. The name is made
    safe first, so that what is asked is what the file is called when it is downloaded."""
    match = _EXTENSION.search(safe_filename(filename))
    extension = match[1].lower() if match else ""
    return _FORMAT_OF.get(extension, extension.upper())
