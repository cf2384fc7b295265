"""Files of random bytes, so that no two parts are alike and nothing on the way can guess them."""

import os
from pathlib import Path


def random_file(path: Path, size_bytes: int) -> Path:
    """Writes that many random bytes, 1 MiB at a time, and returns the path."""
    with path.open("wb") as file:
        while size_bytes:
            size_bytes -= file.write(os.urandom(min(size_bytes, 1024 * 1024)))
    return path
