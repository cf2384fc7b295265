"""The entries of a place that a list names, instead of all: what a run before could not deal with."""

import stat
from collections.abc import Callable, Iterable, Iterator
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path

from botocore.exceptions import ClientError

from s3portal.buckets.direct import direct
from s3portal.buckets.problems import asking
from s3portal.buckets.sync.entries import Entry, Trouble
from s3portal.buckets.sync.file_reads import within
from s3portal.buckets.sync.local_files import UnsafePath, target_path
from s3portal.buckets.sync.places import Folder, Prefix
from s3portal.buckets.sync.walking import WalkingRules, walk
from s3portal.transfer import Workers, in_parallel

_ASKED_AT_A_TIME = 32
_GONE = "is not there any more"


def named_entries(
    place: Folder | Prefix,
    paths: Iterable[str],
    rules: WalkingRules,
    trouble: Callable[[Trouble], None],
    *,
    is_target: bool = False,
) -> Iterator[Entry]:
    """What is there of these paths, which are in the order of keys. One that ends with a slash is a folder,
    and ``.`` is everything. A target has nothing at paths that lead out of it, which is no trouble: what
    fetches them to there refuses them. Raises Refused, Unusable."""
    if isinstance(place, Folder):
        for path in paths:
            if not (is_target and _leads_out(place.path, path)):
                yield from _files(place.path, path, rules, trouble)
        return
    yield from _objects(place, paths)


def _leads_out(root: Path, path: str) -> bool:
    try:
        target_path(root, path.rstrip("/"))
    except UnsafePath:
        return path != "."
    return False


def _files(root: Path, path: str, rules: WalkingRules, trouble: Callable[[Trouble], None]) -> Iterator[Entry]:
    if path == ".":
        yield from walk(root, rules, trouble)
        return
    try:
        file = target_path(root, path.rstrip("/"))
        # Links were left out by rule, or followed: the list names what they lead to then.
        status = within(rules.folder_timeout_s, file.stat if rules.follow_symlinks else file.lstat)
    except (FileNotFoundError, NotADirectoryError):
        trouble(Trouble(path, _GONE, by_rule=True))
        return
    except (UnsafePath, OSError) as error:
        trouble(Trouble(path, str(error), hides_more=True))
        return
    if stat.S_ISREG(status.st_mode) and not path.endswith("/"):
        yield Entry(path, status.st_size, status.st_mtime_ns / 1e9)
    elif stat.S_ISDIR(status.st_mode) and path.endswith("/"):
        base = path

        def below(each: Trouble) -> None:
            where = base if each.path == "." else base + each.path
            trouble(Trouble(where, each.reason, each.hides_more, each.by_rule))

        for entry in walk(file, rules, below):
            yield Entry(base + entry.path, entry.size_bytes, entry.modified_s)
    else:
        trouble(Trouble(path, "is no file any more", by_rule=True))


def _objects(place: Prefix, paths: Iterable[str]) -> Iterator[Entry]:
    """Asked for side by side, and given in their order."""
    remaining = iter(paths)
    with Workers(_ASKED_AT_A_TIME, "s3portal-named") as workers:
        while some := list(islice(remaining, 4 * _ASKED_AT_A_TIME)):
            names = [path for path in some if path != "." and not path.endswith("/")]
            found = dict(
                zip(names, in_parallel(lambda path: _object(place, path), names, workers), strict=True)
            )
            for path in some:
                if path in found:
                    entry = found[path]
                    if entry is not None:
                        yield entry
                else:
                    yield from place.entries("" if path == "." else path)


def _object(place: Prefix, path: str) -> Entry | None:
    store = place.store
    with asking(store, "s3:GetObject", resource=place.arn):
        try:
            head = direct(store).call("HeadObject", "HEAD", place.key(path)).headers
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise
    return Entry(
        path,
        int(head["content-length"]),
        parsedate_to_datetime(head["last-modified"]).timestamp(),
        head.get("etag", "").strip('"'),
        head.get("x-amz-storage-class", "STANDARD"),
    )
