"""MyFSIO's two files, which a server reads when it starts and whenever they change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from s3portal.server.access.directory import User
from s3portal.server.myfsio import bucket_policies
from s3portal.server.myfsio.users import read_users, users_let_in
from s3portal.server.storage.storage import Storage
from s3portal.server.storage.watched_file import WatchedFile


class MyfsioFiles:
    """``iam_file`` and ``policies_file`` are None where there are none; ``root`` is the server's folder. A
    mistake in one of them is logged, and what it said before counts on. Raises ValueError and OSError for the
    file of localadmin's key."""

    def __init__(
        self,
        storage: Storage,
        root: Path,
        *,
        iam_file: Path | None,
        policies_file: Path | None,
        localadmin: bool,
    ) -> None:
        def read() -> tuple[User, ...]:
            assert iam_file is not None
            return users_let_in(read_users(iam_file.read_text("utf-8")), root, localadmin=localadmin)

        def take_over() -> Sequence[str]:
            assert policies_file is not None
            return bucket_policies.take_over(storage, policies_file)

        # Without a file, localadmin is made; where there is one, it may have a secret of its own.
        is_there = iam_file is not None and iam_file.exists()
        first = () if is_there else users_let_in((), root, localadmin=localadmin)
        self._users = WatchedFile(iam_file, read, first, "users of MyFSIO", may_be_missing=True)
        self._policies: WatchedFile[Sequence[str]] = WatchedFile(
            policies_file, take_over, (), "MyFSIO's policies of buckets", may_be_missing=True
        )

    def users(self) -> tuple[User, ...]:
        """Returns who is in iam.json now: the same tuple until it changes."""
        return self._users.current()

    def look(self) -> None:
        """Takes the policies of buckets over where they have changed."""
        self._policies.current()
