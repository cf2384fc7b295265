"""Names that files have and nobody thinks of, with what becomes of them: one table for Python and JavaScript.

``safe`` is the name of the download, ``format`` what the name suggests, ``link`` the end of CKAN's link.
"""

import json
from pathlib import Path

ODD_NAMES: list[dict[str, str]] = json.loads(Path(__file__).with_name("odd_names.json").read_text("utf-8"))
