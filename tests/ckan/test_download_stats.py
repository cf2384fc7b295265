"""Statistics of downloads: what is counted once, and who may see it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from callers import Caller, new_publisher, new_stranger
from ckan import model

from ckanext.s3multipart import quick_redis
from ckanext.s3multipart.model import count_download, downloads, now
from ckanext.s3multipart.statistics import robots, visibility
from ckanext.s3multipart.statistics.download_stats import Period, days_of, files_of, months_of
from ckanext.s3multipart.statistics.months import MonthCount, add_up, added_up_until
from ckanext.s3multipart.statistics.visibility import Which, one_resource
from ckanext.s3multipart.upkeep.janitor import sweep

Setting = Callable[[str, object], None]


class MemoryRedis:
    """What Redis does with a key that is set once, and how long it would keep it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes | int] = {}
        self.ages_s: dict[str, int] = {}

    def set(self, key: str, value: bytes | int, *, nx: bool, ex: int) -> bool:
        assert nx
        if key in self.kept:
            return False
        self.kept[key], self.ages_s[key] = value, ex
        return True

    def get(self, key: str) -> bytes | int | None:
        return self.kept.get(key)

    def expire(self, key: str, age_s: int) -> None:
        self.ages_s[key] = age_s


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> MemoryRedis:
    memory = MemoryRedis()
    monkeypatch.setattr(quick_redis, "client", lambda: memory)
    monkeypatch.setattr(quick_redis, "_away_until", {})
    return memory


@pytest.fixture(autouse=True)
def nothing_added_up(portal: object) -> None:
    """Tests count downloads of the past, which nobody does."""
    model.Session.query(MonthCount).delete()
    model.Session.commit()


@pytest.fixture
def resource(publisher: Caller) -> dict:
    return publisher.publish(b"1,2")


class TestOnce:
    def test_a_double_click_is_one_download(
        self, anonymous: Caller, resource: dict, redis: MemoryRedis
    ) -> None:
        for agent in ("Firefox", "Firefox", "curl"):
            anonymous.get(resource["url"], headers={"User-Agent": agent})

        assert downloads(resource["id"]) == 2

    def test_another_file_is_another_download(
        self, anonymous: Caller, publisher: Caller, resource: dict, redis: MemoryRedis
    ) -> None:
        other = publisher.publish(b"3,4")
        for url in (resource["url"], other["url"]):
            anonymous.get(url)

        assert [downloads(each["id"]) for each in (resource, other)] == [1, 1]

    def test_nothing_personal_is_kept(self, anonymous: Caller, resource: dict, redis: MemoryRedis) -> None:
        anonymous.get(resource["url"], headers={"User-Agent": "Firefox"})

        kept = str(redis.kept)
        assert "Firefox" not in kept and "127.0.0.1" not in kept
        ages = {key.split(":")[-2]: age for key, age in redis.ages_s.items()}
        assert (ages["click"], ages["salt"]) == (30, 2 * 24 * 3600)

    def test_without_redis_every_download_counts_and_nobody_waits(
        self, anonymous: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def away(*_: object) -> None:
            asked.append(1)
            raise quick_redis.redis.ConnectionError("away")

        monkeypatch.setattr(quick_redis, "client", away)
        monkeypatch.setattr(quick_redis, "_away_until", {})
        for _ in range(2):
            assert anonymous.get(resource["url"]).status_code == 302

        assert downloads(resource["id"]) == 2
        assert len(asked) == 1

    def test_a_robot_is_no_reader(
        self, anonymous: Caller, resource: dict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("counter_robots")
        robots._is_robot.cache_clear()
        agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

        assert anonymous.get(resource["url"], headers={"User-Agent": agent}).status_code == 302
        anonymous.get(resource["url"], headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"})

        assert downloads(resource["id"]) == 1


class TestTheAction:
    def test_of_a_resource_by_day(self, anonymous: Caller, resource: dict) -> None:
        count(resource, date(2026, 11, 1), times=2)
        count(resource, date(2026, 11, 3))

        stats = anonymous.do("s3multipart_download_stats", resource=resource["id"])

        assert (stats["count"], stats["bytes"]) == (3, 9)
        assert stats["days"] == [
            {"day": "2026-11-01", "count": 2, "bytes": 6},
            {"day": "2026-11-03", "count": 1, "bytes": 3},
        ]
        late = anonymous.do(
            "s3multipart_download_stats",
            resource=resource["id"],
            **{"from": "2026-11-02", "to": "2026-11-03"},
        )
        assert late["count"] == 1

    def test_of_a_dataset_and_of_an_organisation_by_file(self, publisher: Caller, resource: dict) -> None:
        other = publisher.attach(publisher.upload(b"123456"), name="Second")
        count(resource, date(2026, 11, 1))
        count(other, date(2026, 11, 1), times=2, size_bytes=6)
        make_administrator(publisher)

        of_dataset = publisher.do("s3multipart_download_stats", owner=publisher.dataset)
        of_all = publisher.do("s3multipart_download_stats", organization=publisher.organisation)

        assert of_dataset == of_all
        assert [file["count"] for file in of_all["files"]] == [2, 1]
        assert of_all["files"][0] == {"resource": other["id"], "name": "Second", "count": 2, "bytes": 12}

    @pytest.mark.parametrize("asked", [{"from": "yesterday"}, {"to": "2026-13-01"}])
    def test_a_day_that_is_none_is_named(
        self, anonymous: Caller, resource: dict, asked: dict[str, str]
    ) -> None:
        answer = anonymous.call("s3multipart_download_stats", resource=resource["id"], **asked)

        assert (answer.status, answer.error["field"]) == (422, next(iter(asked)))


class TestMonths:
    """What is added up by month says the same as the days."""

    def test_every_period_adds_up_to_the_same(self, publisher: Caller, resource: dict) -> None:
        first = date(2024, 12, 30)
        for number in range(0, 100, 3):
            count(resource, first + timedelta(days=number), times=1 + number % 2)
        which = one_resource(resource["id"])
        edges = [
            None,
            *(first + timedelta(days=number) for number in (-5, 0, 1, 2, 20, 33, 34, 61, 62, 99, 200)),
        ]
        periods = [Period(begin, end) for begin in edges for end in edges]
        by_days = [sums(which, period) for period in periods]

        add_up()

        assert model.Session.query(MonthCount).filter_by(resource_id=resource["id"]).count() == 5
        assert [sums(which, period) for period in periods] == by_days
        for period, (by_file, _) in zip(periods, by_days, strict=True):
            assert by_file == sum(day.count for day in days_of(which, period))

    def test_adding_up_again_changes_nothing_and_this_month_waits(self, resource: dict) -> None:
        today = now().date()
        for day in (date(2025, 1, 31), date(2025, 2, 1), today):
            count(resource, day)
        for _ in range(2):
            add_up()

        rows = model.Session.query(MonthCount).filter_by(resource_id=resource["id"]).order_by("month")
        assert [(row.month, row.count, row.bytes_sent) for row in rows] == [
            (date(2025, 1, 1), 1, 3),
            (date(2025, 2, 1), 1, 3),
        ]
        assert added_up_until() <= today.replace(day=1)
        count(resource, today)
        assert sums(one_resource(resource["id"]), Period()) == (4, 4)

    def test_a_round_of_the_janitor_adds_up(self, resource: dict) -> None:
        count(resource, date(2025, 1, 31))

        sweep()

        assert model.Session.query(MonthCount).filter_by(resource_id=resource["id"]).count() == 1

    def test_the_first_month_of_all_and_the_last_are_no_trouble(self, resource: dict) -> None:
        count(resource, date(2025, 1, 31))
        add_up()
        which = one_resource(resource["id"])

        assert sums(which, Period(date.min, date.max)) == (1, 1)
        assert sums(which, Period(date.max, date.min)) == (0, 0)


class TestPastDays:
    """Days that are over are added up once for the same files, and never for others."""

    def test_what_is_kept_and_today_are_the_whole(self, publisher: Caller, resource: dict) -> None:
        today = now().date()
        asked = {"organization": publisher.organisation}
        for day in (date(2025, 1, 31), today - timedelta(days=3), today):
            count(resource, day)
        first = publisher.do("s3multipart_download_stats", **asked)
        count(resource, today)

        second = publisher.do("s3multipart_download_stats", **asked)

        assert [each["count"] for each in first["days"]] == [1, 1, 1]
        assert [each["count"] for each in second["days"]] == [1, 1, 2]
        part = publisher.do(
            "s3multipart_download_stats", **asked, **{"from": "2025-01-01", "to": "2025-12-31"}
        )
        assert part["days"] == [{"day": "2025-01-31", "count": 1, "bytes": 3}]

    def test_nobody_gets_what_was_kept_for_others(self, publisher: Caller, resource: dict) -> None:
        asked = {"organization": publisher.organisation}
        count(resource, date(2025, 1, 31))
        assert publisher.do("s3multipart_download_stats", **asked)["count"] == 1
        publisher.do("package_patch", id=publisher.dataset, private=True)
        assert publisher.do("s3multipart_download_stats", **asked)["count"] == 1

        stranger = new_stranger(publisher.app)

        assert stranger.do("s3multipart_download_stats", **asked)["days"] == []

    @pytest.mark.parametrize("ids", [["a,b"], ["a", "b", "c"], ['a","b'], ["{a,b}"], ["a", "b "], []])
    def test_no_other_files_have_the_same_digest(self, ids: list[str]) -> None:
        assert digest_of(ids) != digest_of(["a", "b"])
        assert digest_of(["b", "a"]) == digest_of(["a", "b"])


class TestWhoMaySee:
    def test_of_a_private_dataset_only_who_may_read_it(self, portal: object, anonymous: Caller) -> None:
        owner = new_publisher(anonymous.app, private=True)
        resource = owner.publish()
        asked = {"resource": resource["id"]}

        assert owner.call("s3multipart_download_stats", **asked).status == 200
        assert anonymous.call("s3multipart_download_stats", **asked).status == 403
        assert anonymous.call("s3multipart_download_stats", owner=owner.dataset).status == 403

    @pytest.mark.parametrize(("setting_value", "editor"), [("editors", 200), ("sysadmins", 403)])
    def test_the_site_may_keep_them_for_others(
        self, publisher: Caller, resource: dict, setting: Setting, setting_value: str, editor: int
    ) -> None:
        setting("download_stats_for", setting_value)
        stranger = new_stranger(publisher.app)
        asked = {"resource": resource["id"]}

        assert publisher.call("s3multipart_download_stats", **asked).status == editor
        assert stranger.call("s3multipart_download_stats", **asked).status == 403
        page = stranger.get(f"/dataset/{publisher.dataset}/resource/{resource['id']}").get_data(as_text=True)
        assert "Downloads</dt>" not in page

    def test_of_an_organisation_that_is_not_there_nobody(self, publisher: Caller) -> None:
        assert publisher.call("s3multipart_download_stats", organization="nowhere").status == 404


def count(resource: dict, day: date, *, times: int = 1, size_bytes: int = 3) -> None:
    for _ in range(times):
        count_download(resource["id"], day, size_bytes)
    model.Session.commit()


def digest_of(ids: list[str]) -> str:
    """What tells files with these ids from others."""
    selects = [sa.select(sa.literal(each).label("id")) for each in ids]
    nothing = sa.select(sa.literal("").label("id")).where(sa.false())
    return visibility._digest(sa.union_all(*selects, nothing))


def sums(which: Which, period: Period) -> tuple[int, int]:
    """The same sum by file and by month."""
    return (
        sum(file.count for file in files_of(which, period)),
        sum(month.count for month in months_of(which, period)),
    )


def make_administrator(publisher: Caller) -> None:
    model.Session.query(model.Member).filter_by(
        group_id=publisher.organisation_id, table_id=publisher.user_id
    ).update({"capacity": "admin"})
    model.Session.commit()
