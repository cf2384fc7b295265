"""minio-py, s3fs and pyarrow: what a program of theirs does, as a script in the Python that has them."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("script", ["minio_work.py", "s3fs_work.py", "pyarrow_work.py"])
def test_a_program_does_its_common_work(run_script: Callable[[str], str], script: str) -> None:
    assert run_script(script).strip().endswith("all done")
