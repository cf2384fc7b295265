"""What a call asks of the database: little for a link, and no more for many files than for one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from browser import Browser
from callers import Caller
from ckan import model

pytestmark = pytest.mark.smoke

READER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"}


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement: str, *_: object) -> None:
        asked.append(statement)

    engine = model.Session.get_bind()
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def ours(asked: list[str]) -> list[str]:
    """Those that are about the extension's own tables."""
    return [statement for statement in asked if "s3multipart_" in statement]


class TestLinks:
    @pytest.fixture
    def link(self, publisher: Caller, anonymous: Caller) -> str:
        """The link of a file that the store was asked for less than a minute ago."""
        link = publisher.publish()["url"]
        anonymous.get(link)
        return link

    def test_a_redirect_reads_the_file_and_its_state_and_counts(self, anonymous: Caller, link: str) -> None:
        with statements() as asked:
            assert anonymous.get(link, headers=READER).status_code == 302

        assert [statement.split()[0] for statement in ours(asked)] == ["SELECT", "SELECT", "INSERT"]

    def test_without_statistics_nothing_is_written(self, anonymous: Caller, link: str, setting) -> None:
        setting("count_downloads", "false")

        with statements() as asked:
            assert anonymous.get(link, headers=READER).status_code == 302

        assert [statement.split()[0] for statement in ours(asked)] == ["SELECT", "SELECT"]
        assert not [statement for statement in asked if statement.split()[0] != "SELECT"]

    def test_head_only_reads(self, anonymous: Caller, link: str) -> None:
        with statements() as asked:
            assert anonymous.head(link).status_code == 200

        assert [statement.split()[0] for statement in ours(asked)] == ["SELECT", "SELECT"]


class TestCalls:
    def test_many_parts_are_signed_as_one_is(self, publisher: Caller) -> None:
        upload = publisher.create(size=1000 * 5 * 1024 * 1024).result["upload"]

        def sign(number: int) -> int:
            with statements() as asked:
                publisher.do(
                    "s3multipart_upload_sign_parts", id=upload["id"], part_numbers=list(range(1, number + 1))
                )
            return len(asked)

        sign(1)
        assert sign(1000) == sign(1)


def grows(do: Callable[[], object], more: Callable[[], object]) -> list[int]:
    """How many statements it takes, before and after there is more."""
    counts = []
    for again in (False, True):
        if again:
            more()
        do()
        with statements() as asked:
            do()
        counts.append(len(asked))
    return counts


class TestLists:
    def test_the_list_of_files(self, publisher: Caller, anonymous: Caller) -> None:
        """CKAN itself is asked whether each resource may be seen."""
        publisher.publish()
        counted: list[int] = []

        def files() -> None:
            with statements() as asked:
                anonymous.do("s3multipart_file_list", owner=publisher.dataset)
            counted.append(len(ours(asked)))

        files()
        for _ in range(5):
            publisher.publish()
        files()

        assert counted[0] == counted[1]

    def test_the_list_of_uploads(self, publisher: Caller) -> None:
        publisher.create()

        before, after = grows(
            lambda: publisher.do("s3multipart_upload_list", owner=publisher.dataset),
            lambda: [publisher.create(filename=f"{number}.csv") for number in range(5)],
        )

        assert before == after

    def test_the_page_of_unfinished_uploads(self, portal) -> None:
        browser = Browser(portal)
        browser.upload()

        before, after = grows(
            lambda: browser.page("/dashboard/uploads"),
            lambda: [browser.upload(filename=f"{number}.csv") for number in range(5)],
        )

        assert before == after

    def test_the_page_of_a_dataset(self, publisher: Caller, anonymous: Caller) -> None:
        publisher.publish()
        name = publisher.do("package_show", id=publisher.dataset)["name"]
        counted: list[int] = []

        def page() -> None:
            with statements() as asked:
                assert anonymous.get(f"/dataset/{name}").status_code == 200
            counted.append(len(ours(asked)))

        page()
        for _ in range(5):
            publisher.publish()
        page()

        assert counted[0] == counted[1]
