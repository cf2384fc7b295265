"""The packages as a wheel installs them, bundles included, without an environment of their own."""

import importlib.util
import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def installed_package(folder: Path) -> Path:
    """Puts what a wheel carries into ``folder``, which a PYTHONPATH can begin with; returns it."""
    left_out = shutil.ignore_patterns("__pycache__", "node_modules", "dist", "types")
    for package in ("s3portal", "ckanext", "indico_plugin"):
        shutil.copytree(CHECKOUT / package, folder / package, ignore=left_out)
    for name in ("js", "templates"):
        shutil.copytree(CHECKOUT / name, folder / "s3portal" / name, ignore=left_out)
    found = importlib.util.spec_from_file_location("build_web", CHECKOUT / "build_web.py")
    assert found is not None
    assert found.loader is not None
    build_web = importlib.util.module_from_spec(found)
    found.loader.exec_module(build_web)
    build_web.add_bundles(CHECKOUT / "js", folder / "s3portal" / "js", required=True)
    return folder
