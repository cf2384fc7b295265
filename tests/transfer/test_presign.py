"""Presigned URLs: every one equal to botocore's, many at once, and alive as long as they say."""

from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
from botocore.credentials import RefreshableCredentials
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from s3portal.transfer import (
    PartOutsidePlan,
    Store,
    StoreFailed,
    TransferSettings,
    open_store,
    plan_parts,
    presign_get,
    presign_parts,
)
from s3portal.transfer import presign as presign_module
from s3portal.transfer.disposition import content_disposition, safe_content_type
from s3portal.transfer.sizes import GIB, MIB

MOMENT = datetime(2026, 11, 21, 23, 59, 59, 987654, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def frozen_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops both clocks at the same moment, and has botocore sign in Python: with awscrt installed it writes
    the same parameters in another order."""

    class FrozenDatetime(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return MOMENT

    monkeypatch.setattr(presign_module, "datetime", FrozenDatetime)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: MOMENT.replace(tzinfo=None))
    monkeypatch.setitem(botocore.auth.AUTH_TYPE_MAPS, "s3v4-query", botocore.auth.S3SigV4QueryAuth)


def store_with(**values: object) -> Store:
    known = {
        "s3_bucket": "river-data",
        "s3_access_key_id": "AKIDEXAMPLE",
        "s3_secret_access_key": "wJalr/XUt+nFEMI",
    }
    return open_store(TransferSettings(**{**known, **values}))


# Opening clients takes long, so the property test draws from stores that are open already.
STORES = [
    store_with(),
    store_with(s3_region="ap-southeast-2", s3_session_token="FwoGZXIvYXdzE+/=="),
    store_with(s3_region="cn-north-1"),
    store_with(s3_region="us-gov-west-1", s3_addressing_style="virtual"),
    store_with(s3_region="eu-central-1", s3_addressing_style="path"),
    store_with(s3_bucket="rivers.example.org"),
    store_with(s3_endpoint="http://127.0.0.1:9000"),
    store_with(s3_endpoint="http://[::1]:9000", s3_region="garage"),
    store_with(s3_endpoint="https://s3.example.org:443", s3_addressing_style="virtual"),
    store_with(s3_endpoint="http://S3.Example.org:80/base"),
    store_with(
        s3_endpoint="https://s3.example.org:8443/", s3_addressing_style="virtual", s3_session_token="t"
    ),
    store_with(s3_endpoint="http://10.0.0.7:9000", s3_public_endpoint="https://files.example.org"),
]

FILES_CLIENT = store_with(s3_endpoint="https://files.example.org").client()

odd_text = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from(" %+&=?#/~!*'()@:;,\\\"<>.é河🙂")),
    min_size=1,
    max_size=60,
)
# S3 has no key "" and our keys never begin with a slash.
keys = odd_text.filter(lambda key: not key.startswith("/"))
expiries = st.integers(1, 7 * 24 * 3600)


def botocore_url(store: Store, operation: str, parameters: dict[str, object], expires_s: int) -> str:
    """What boto3 makes of the same work for the same endpoint."""
    client = FILES_CLIENT if store.settings.s3_public_endpoint else store.client()
    return client.generate_presigned_url(
        operation, Params={"Bucket": store.bucket, **parameters}, ExpiresIn=expires_s
    )


@pytest.mark.parametrize("store", STORES, ids=lambda store: f"{store.address.base_url}")
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    key=keys, s3_upload_id=odd_text, size_bytes=st.integers(0, 49 * GIB), expires_s=expiries, data=st.data()
)
@example(key="a b/河/~!*'().csv", s3_upload_id="x/y+z==", size_bytes=10 * MIB + 1, expires_s=900, data=None)
def test_the_url_of_a_part_is_botocores(
    store: Store, key: str, s3_upload_id: str, size_bytes: int, expires_s: int, data: st.DataObject | None
) -> None:
    plan = plan_parts(size_bytes)
    part_number = data.draw(st.integers(1, plan.part_count)) if data else plan.part_count

    (signed,) = presign_parts(store, key, s3_upload_id, plan, [part_number], expires_s)

    parameters = {
        "Key": key,
        "UploadId": s3_upload_id,
        "PartNumber": part_number,
        "ContentLength": plan.length(part_number),
    }
    assert signed.url == botocore_url(store, "upload_part", parameters, expires_s)


@pytest.mark.parametrize("store", STORES, ids=lambda store: f"{store.address.base_url}")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(key=keys, filename=st.text(max_size=40), expires_s=expiries, version_id=st.none() | odd_text)
def test_the_url_of_a_download_is_botocores(
    store: Store, key: str, filename: str, expires_s: int, version_id: str | None
) -> None:
    url = presign_get(
        store, key, filename=filename, content_type="text/csv", expires_s=expires_s, version_id=version_id
    )

    parameters: dict[str, object] = {
        "Key": key,
        "ResponseContentDisposition": content_disposition(filename),
        "ResponseContentType": "text/csv",
    }
    if version_id:
        parameters["VersionId"] = version_id
    assert url == botocore_url(store, "get_object", parameters, expires_s)


def test_signed_by_awscrt_the_same_parameters_have_the_same_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crt = pytest.importorskip("botocore.crt.auth")
    monkeypatch.setattr(crt, "get_current_datetime", lambda *_, **__: MOMENT)
    monkeypatch.setitem(botocore.auth.AUTH_TYPE_MAPS, "s3v4-query", crt.CrtS3SigV4QueryAuth)
    plan = plan_parts(MIB)

    (signed,) = presign_parts(STORES[0], "a b/ü.csv", "upload", plan, [1], 900)

    parameters = {"Key": "a b/ü.csv", "UploadId": "upload", "PartNumber": 1, "ContentLength": MIB}
    other = urlsplit(botocore_url(STORES[0], "upload_part", parameters, 900))
    ours = urlsplit(signed.url)
    assert (ours.netloc, ours.path, parse_qs(ours.query)) == (other.netloc, other.path, parse_qs(other.query))


def test_many_parts_are_signed_in_the_order_asked_for_each_for_its_own_length() -> None:
    plan = plan_parts(10 * MIB + 7)

    signed = presign_parts(STORES[0], "key", "upload", plan, [3, 1], 900)

    assert [part.part_number for part in signed] == [3, 1]
    assert presign_parts(STORES[0], "key", "upload", plan, [1], 900) == signed[1:]
    assert all("X-Amz-SignedHeaders=content-length%3Bhost" in part.url for part in signed)


def test_a_signed_part_is_shown_as_the_protocol_says() -> None:
    (signed,) = presign_parts(STORES[0], "key", "upload", plan_parts(1), [1], 900)

    assert signed.as_dict() == {
        "part_number": 1,
        "url": signed.url,
        "headers": {},
        "expires_at": "2026-11-22T00:14:59+00:00",
    }


def test_a_part_outside_the_plan_is_not_signed() -> None:
    with pytest.raises(PartOutsidePlan):
        presign_parts(STORES[0], "key", "upload", plan_parts(MIB), [2], 900)


def test_urls_are_for_the_address_that_browsers_use() -> None:
    store = store_with(s3_endpoint="http://10.0.0.7:9000", s3_public_endpoint="https://files.example.org")

    (signed,) = presign_parts(store, "key", "upload", plan_parts(1), [1], 900)

    assert signed.url.startswith("https://files.example.org/river-data/key?")
    assert store.client().meta.endpoint_url == "http://10.0.0.7:9000"


def test_a_url_says_that_it_dies_with_the_keys_that_signed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    keys_expire_at = MOMENT + timedelta(minutes=11)
    credentials = RefreshableCredentials(
        "ASIA",
        "secret",
        "token",
        keys_expire_at,
        dict,
        "test",
        time_fetcher=lambda: MOMENT - timedelta(hours=1),
    )
    store = open_store(TransferSettings(s3_bucket="river-data"))
    monkeypatch.setattr(store.session(), "get_credentials", lambda: credentials)

    (long_lived,) = presign_parts(store, "key", "upload", plan_parts(1), [1], 900)
    (short_lived,) = presign_parts(store, "key", "upload", plan_parts(1), [1], 300)

    assert long_lived.expires_at == keys_expire_at
    assert short_lived.expires_at == MOMENT.replace(microsecond=0) + timedelta(seconds=300)


def test_keys_that_were_renewed_sign_the_next_url(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = {
        "access_key": "ASIANEW",
        "secret_key": "s",
        "token": "t",
        "expiry_time": (MOMENT + timedelta(hours=1)).isoformat(),
    }
    credentials = RefreshableCredentials(
        "ASIAOLD", "s", "t", MOMENT, lambda: renewed, "test", time_fetcher=lambda: MOMENT
    )
    store = open_store(TransferSettings(s3_bucket="river-data"))
    monkeypatch.setattr(store.session(), "get_credentials", lambda: credentials)

    (signed,) = presign_parts(store, "key", "upload", plan_parts(1), [1], 900)

    assert "X-Amz-Credential=ASIANEW%2F" in signed.url


def test_without_keys_the_store_failed_and_the_reason_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(TransferSettings(s3_bucket="river-data"))
    monkeypatch.setattr(store.session(), "get_credentials", lambda: None)

    with pytest.raises(StoreFailed):
        presign_parts(store, "key", "upload", plan_parts(1), [1], 900)

    assert "Unable to locate credentials" in caplog.text


def test_the_url_that_measures_the_distance_lists_nothing() -> None:
    url = presign_module.presign_distance(STORES[0], "lab/rivers/no-upload/", 300)

    assert url.startswith(f"{STORES[0].address.base_url}?")
    query = parse_qs(urlsplit(url).query)
    assert (query["list-type"], query["prefix"]) == (["2"], ["lab/rivers/no-upload/"])
    assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (["300"], ["host"])


@pytest.mark.parametrize("active", ["text/html", "image/svg+xml"])
def test_a_download_never_runs_in_the_browser(active: str) -> None:
    url = presign_get(STORES[0], "key", filename="page.html", content_type=active, expires_s=300, inline=True)

    query = parse_qs(urlsplit(url).query)
    assert query["response-content-type"] == ["application/octet-stream"] == [safe_content_type(active)]
