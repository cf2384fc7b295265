"""Statistics of downloads: what is counted once, and who may see it."""

from collections.abc import Callable
from datetime import date

import pytest
from callers import Caller, new_publisher, new_stranger
from ckan import model

from ckanext.s3multipart import quick_redis
from ckanext.s3multipart.model import count_download, downloads
from ckanext.s3multipart.statistics import robots

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


def make_administrator(publisher: Caller) -> None:
    model.Session.query(model.Member).filter_by(
        group_id=publisher.organisation_id, table_id=publisher.user_id
    ).update({"capacity": "admin"})
    model.Session.commit()
