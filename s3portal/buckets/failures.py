"""A file of what failed, a JSON object a line, which the next run takes as its input."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from s3portal.buckets.problems import Unusable


@dataclass(frozen=True)
class Failure:
    """An object, or a version of one, for which something could not be done, and why. ``target`` is where it
    was to be copied, for copies."""

    key: str
    reason: str
    version_id: str = ""
    target: str = ""


class FailureReport:
    """Counts failures, keeps the first of them for the terminal, and writes all to ``path`` where there is
    one. The file appears with the first failure."""

    _SHOWN = 5

    def __init__(self, path: Path | None = None, *, read_from: Path | None = None) -> None:
        """``read_from`` is the report that this run reads. Raises Unusable where it would be overwritten."""
        if path is not None and read_from is not None and path.absolute() == read_from.absolute():
            raise Unusable(f"{path}: is what this run reads; write what fails now to another file")
        self.path = path
        self.count = 0
        self.first: list[Failure] = []
        self._file: TextIO | None = None

    def __enter__(self) -> "FailureReport":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, failure: Failure) -> None:
        self.count += 1
        if len(self.first) < self._SHOWN:
            self.first.append(failure)
        if self.path is not None:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8")
            self._file.write(json.dumps(asdict(failure)) + "\n")
            self._file.flush()


def read_failures(path: Path) -> Iterator[Failure]:
    """What a run before could not do. Raises Unusable."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                fields = json.loads(line)
                yield Failure(
                    key=str(fields["key"]),
                    reason=str(fields.get("reason", "")),
                    version_id=str(fields.get("version_id", "")),
                    target=str(fields.get("target", "")),
                )
            except (ValueError, KeyError, TypeError) as error:
                raise Unusable(f"{path}, line {number}: this is no line of a report of failures") from error
