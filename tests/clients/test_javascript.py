"""The AWS SDKs for JavaScript, and minio-js: what a program of theirs does, as a script in Node.js."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("script", ["sdk3_work.cjs", "sdk2_work.cjs", "miniojs_work.cjs"])
def test_a_program_does_its_common_work(run_node_script: Callable[[str], str], script: str) -> None:
    assert run_node_script(script).strip().endswith("all done")
