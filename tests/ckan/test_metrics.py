"""What Prometheus reads: counted by all processes together, and for nobody else to see."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import ckan.plugins.toolkit as tk
import pytest
import redis
from callers import Caller, new_stranger, new_sysadmin

from ckanext.s3multipart import counting, quick_redis
from ckanext.s3multipart.upkeep import metrics
from ckanext.s3multipart.upkeep.fixity import verify
from ckanext.s3multipart.upkeep.janitor import sweep
from s3portal.server.testing import RunningServer

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families

Setting = Callable[[str, object], None]
TOKEN = "a-token-of-these-tests-4711"
URL = "/s3multipart/metrics"
COUNTING = """
import sys
import pylibmagic
from ckan.common import config
config.update(dict(given.split("=", 1) for given in sys.argv[1:]))
from ckanext.s3multipart.counting import UPLOADS, count
for _ in range(50):
    count(UPLOADS, "started")
"""


@pytest.fixture
def on(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Metrics are on, and nothing was counted so far."""
    setting("metrics", True)
    setting("metrics_token", TOKEN)
    monkeypatch.setattr(quick_redis, "_away_until", {})
    client = quick_redis.client()
    client.delete(quick_redis.key(counting.HASH))
    yield
    client.delete(quick_redis.key(counting.HASH))


class TestWhoMayRead:
    def test_it_is_off_unless_it_is_turned_on(self, portal: object, anonymous: Caller) -> None:
        assert new_sysadmin(anonymous.app).get(URL).status_code == 404

    def test_the_token_and_system_administrators(
        self, on: None, anonymous: Caller, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert scrape(anonymous)
        assert "JWT" not in caplog.text
        assert new_sysadmin(anonymous.app).get(URL).status_code == 200

    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN],
    )
    def test_nobody_else(self, on: None, anonymous: Caller, authorization: str) -> None:
        answer = anonymous.get(URL, headers={"Authorization": authorization})

        assert answer.status_code == 401
        assert "no-store" in answer.headers["Cache-Control"]
        assert "s3multipart_" not in answer.get_data(as_text=True)
        assert new_stranger(anonymous.app).get(URL).status_code == 401

    def test_without_a_token_an_empty_one_opens_nothing(
        self, on: None, anonymous: Caller, setting: Setting
    ) -> None:
        setting("metrics_token", "")

        for authorization in ("Bearer ", "Bearer"):
            assert anonymous.get(URL, headers={"Authorization": authorization}).status_code == 401
        assert new_sysadmin(anonymous.app).get(URL).status_code == 200

    def test_a_short_token_is_refused_at_start(self) -> None:
        from ckan.exceptions import CkanConfigurationException

        from ckanext.s3multipart.settings import PREFIX, check_settings

        with pytest.raises(CkanConfigurationException, match=r"metrics_token.*16 characters"):
            check_settings({f"{PREFIX}s3_bucket": "river-data", f"{PREFIX}metrics_token": "short"})

    def test_without_the_package_it_says_what_to_install(
        self, on: None, anonymous: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "prometheus_client", None)

        answer = anonymous.get(URL, headers={"Authorization": f"Bearer {TOKEN}"})

        assert (answer.status_code, "s3portal[ckan]" in answer.get_data(as_text=True)) == (501, True)


@pytest.mark.usefixtures("on")
class TestWhatIsCounted:
    def test_uploads_and_downloads(self, publisher: Caller, anonymous: Caller) -> None:
        resource = publisher.publish(b"12345")
        given_up = publisher.begin(b"1,2")
        publisher.do("s3multipart_upload_abort", id=given_up["id"])
        for agent in ("Firefox/140.0", "Chrome/140.0"):
            anonymous.get(resource["url"], headers={"User-Agent": agent})

        counts = scrape(anonymous)

        outcomes = [counts["s3multipart_uploads_total", each] for each in ("started", "completed", "aborted")]
        assert outcomes == [2, 1, 1]
        assert counts["s3multipart_uploaded_bytes_total", ""] == 5
        assert counts["s3multipart_downloads_total", ""] == 2
        assert counts["s3multipart_downloaded_bytes_total", ""] == 10

    def test_a_repeated_call_counts_once_and_one_that_comes_to_nothing_as_failed(
        self, publisher: Caller, anonymous: Caller
    ) -> None:
        created = publisher.create(3, idempotency_key="one").result
        publisher.create(3, idempotency_key="one")
        answer = publisher.call("s3multipart_upload_complete", id=created["upload"]["id"])

        counts = scrape(anonymous)

        assert answer.status >= 400
        assert counts["s3multipart_uploads_total", "started"] == 1
        assert counts["s3multipart_uploads_total", "failed"] == 1
        assert ("s3multipart_uploads_total", "completed") not in counts

    def test_how_long_the_store_takes(
        self, publisher: Caller, anonymous: Caller, s3_server: RunningServer
    ) -> None:
        publisher.publish()
        s3_server.faults.add(operation="CreateMultipartUpload", status=500)
        publisher.create()

        counts = scrape(anonymous)

        completed = "CompleteMultipartUpload"
        assert counts["s3multipart_store_request_seconds_count", completed] == 1
        assert 0 < counts["s3multipart_store_request_seconds_sum", completed] < 60
        buckets = [
            value for (name, label), value in counts.items()
            if name == "s3multipart_store_request_seconds_bucket" and label.startswith(f"{completed} ")
        ]  # fmt: skip
        assert len(buckets) == len(counting.BUCKETS_S) + 1
        assert buckets == sorted(buckets) and buckets[-1] == 1
        assert counts["s3multipart_store_errors_total", "CreateMultipartUpload"] >= 1

    def test_the_janitor_what_waits_and_what_verifying_found(
        self, publisher: Caller, anonymous: Caller
    ) -> None:
        publisher.publish()
        sweep(dry_run=True)
        assert scrape(anonymous)["s3multipart_janitor_rounds_total", ""] == 0
        sweep()
        verify(restart=True)

        counts = scrape(anonymous)

        assert counts["s3multipart_janitor_rounds_total", ""] == 1
        assert counts["s3multipart_janitor_last_round_timestamp_seconds", ""] > 1e9
        assert counts["s3multipart_deletions_waiting", ""] >= 0
        assert counts["s3multipart_upload_rows", "attached"] >= 1
        assert counts["s3multipart_fixity_files", "as_recorded"] >= 1
        assert counts["s3multipart_fixity_finished", ""] in (0, 1)

    def test_several_processes_count_together(self, anonymous: Caller) -> None:
        counting.count(counting.UPLOADS, "started")
        settings = [
            f"{name}={tk.config[name]}" for name in ("ckan.redis.url", "ckan.site_id", counting.SETTING)
        ]
        workers = [subprocess.Popen([sys.executable, "-c", COUNTING, *settings]) for _ in range(3)]
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]

        assert scrape(anonymous)["s3multipart_uploads_total", "started"] == 151

    def test_redis_that_is_away_keeps_nobody_waiting(
        self, publisher: Caller, anonymous: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away() -> None:
            raise redis.ConnectionError("away")

        monkeypatch.setattr(quick_redis, "client", away)
        resource = publisher.publish()
        assert anonymous.get(resource["url"]).status_code == 302

        counts = scrape(anonymous)

        assert counts["s3multipart_redis_up", ""] == 0
        assert ("s3multipart_downloads_total", "") not in counts
        assert counts["s3multipart_upload_rows", "attached"] >= 1


def test_nothing_is_counted_where_metrics_are_off(publisher: Caller) -> None:
    quick_redis.client().delete(quick_redis.key(counting.HASH))

    publisher.publish()

    assert counting.read_counts() == {}


def scrape(caller: Caller) -> dict[tuple[str, str], float]:
    """The values by name and labels."""
    answer = caller.get(URL, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        for sample in family.samples:
            found[sample.name, " ".join(labels(sample.labels))] = sample.value
    return found


def labels(given: dict[str, Any]) -> list[str]:
    return [str(given[name]) for name in sorted(given, key=lambda name: name == "le")]
