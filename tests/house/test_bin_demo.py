"""`bin/demo` before there is an environment: its help needs none."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_help_names_every_option_and_makes_no_environment(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(CHECKOUT / "bin" / "demo", tmp_path / "bin" / "demo")
    shutil.copytree(CHECKOUT / "s3portal", tmp_path / "s3portal")
    command = (CHECKOUT / "s3portal" / "demo" / "command.py").read_text("utf-8")
    options = re.findall(r'^    "(--[a-z0-9-]+)"|click\.option\("(--[a-z0-9-]+)"', command, re.MULTILINE)
    names = {name for pair in options for name in pair if name}

    help_text = subprocess.run(
        [sys.executable, tmp_path / "bin" / "demo", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert names >= {"--port", "--publish", "--reset"}
    assert [name for name in sorted(names) if name not in help_text] == []
    assert not (tmp_path / ".demo").exists()
