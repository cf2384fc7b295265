"""Moving a bucket to another name: its settings (moved_settings.py), its objects (moved_versions.py, sync/),
a comparison, and only then its end.

S3 cannot rename a bucket. Every step looks at what is there, so a move that was interrupted is continued by
the same command.
"""

import re
from pathlib import Path

from s3portal.buckets.creating import has_object_lock
from s3portal.buckets.problems import NotOffered, Unusable
from s3portal.buckets.settings.change import Change
from s3portal.transfer import Store


def keeps_locked(store: Store) -> bool:
    """Whether objects may be locked. Raises Refused."""
    try:
        return has_object_lock(store)
    except NotOffered:
        return False


def switch_ckan(config: Path, source: str, target: str) -> Change:
    """The change of ``s3_bucket`` in a CKAN's .ini file. Raises Unusable where it is not the source's."""
    text = config.read_text(encoding="utf-8")
    line = re.compile(
        rf"^(\s*ckanext\.s3multipart\.s3_bucket\s*[=:]\s*){re.escape(source)}(\s*)$", re.MULTILINE
    )
    if len(line.findall(text)) != 1:
        raise Unusable(f"--switch {config}: ckanext.s3multipart.s3_bucket = {source} is not there, or twice")
    new = line.sub(rf"\g<1>{target}\g<2>", text)

    def write() -> None:
        beside = config.with_name(f"{config.name}.new")
        beside.write_text(new, encoding="utf-8")
        beside.chmod(config.stat().st_mode)
        beside.replace(config)

    found, wanted = (next(each for each in t.splitlines() if "s3_bucket" in each) for t in (text, new))
    return Change(f"{config}: the portal uses {target}", found.strip(), wanted.strip(), write)
