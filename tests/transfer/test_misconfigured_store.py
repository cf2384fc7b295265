"""What the AWS library raises before a request is one error with its cause, whoever meets it first."""

from collections.abc import Callable
from pathlib import Path

import pytest
from new_uploads import new_upload

from s3portal.transfer import Store, TransferSettings, create_upload, open_store, plan_parts
from s3portal.transfer.lifecycle import delete_object
from s3portal.transfer.presign import object_url, presign_get, presign_parts
from s3portal.transfer.session_credentials import assume_upload_role
from s3portal.transfer.store_failures import StoreError, StoreMisconfigured, StoreUnavailable

ROLE = "arn:aws:iam::000000000000:role/uploads"


def create(store: Store) -> None:
    create_upload(store, new_upload(store))


CALLS: dict[str, Callable[[Store], object]] = {
    "create": create,
    "sign": lambda store: presign_parts(store, "key", "upload", plan_parts(1), [1], 900),
    "link": lambda store: presign_get(
        store, "key", filename="rivers.csv", content_type="text/csv", expires_s=300
    ),
    "delete": lambda store: delete_object(store, "key"),
    "credentials": lambda store: assume_upload_role(store, "anna", "data.example.org", key="key"),
}


@pytest.fixture(autouse=True)
def no_keys_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def configured(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(f"[default]\n{text}\n")


def store_at(**changes: str) -> Store:
    return open_store(
        TransferSettings(s3_bucket="river-data", s3_endpoint="http://127.0.0.1:9", s3_role=ROLE, **changes)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_profile_that_is_not_there_is_named(call: str) -> None:
    with pytest.raises(StoreMisconfigured, match="not set up correctly") as error:
        CALLS[call](store_at(s3_profile="nope"))

    assert error.value.cause == "ProfileNotFound: The config profile (nope) could not be found"
    assert "nope" not in str(error.value), "the publisher is not shown the portal's settings"


def test_so_is_one_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")

    with pytest.raises(StoreMisconfigured) as error:
        store_at().client()

    assert "(nope)" in error.value.cause


@pytest.mark.parametrize("call", ["create", "sign", "link", "delete", "credentials"])
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("credential_process = /no/such/program", "FileNotFoundError"),
        ("credential_process = sh -c 'echo {'", "JSONDecodeError"),
        ("credential_process = false", "CredentialRetrievalError"),
        ("credential_process = sh -c 'echo []'", "AttributeError"),
        ("credential_process = sh -c 'echo null'", "AttributeError"),
        ("credential_process =", "IndexError"),
        (f"role_arn = {ROLE}\nweb_identity_token_file = /no/such/file", "FileNotFoundError"),
        (f"role_arn = {ROLE}\nsource_profile = nobody", "InvalidConfigError"),
        ("aws_access_key_id = AKIDEXAMPLE", "PartialCredentialsError"),
        ("s3 =\n  addressing_style = sideways\naws_access_key_id = A\naws_secret_access_key = B", ""),
        ("retry_mode = sometimes\naws_access_key_id = A\naws_secret_access_key = B", ""),
        ("this is no configuration", "ConfigParseError"),
        ("region = us-east-1", "NoCredentialsError"),
    ],
)
def test_whatever_a_configuration_file_says_the_call_fails_with_our_own_error(
    text: str, cause: str, call: str, tmp_path: Path
) -> None:
    configured(tmp_path, text)

    try:
        CALLS[call](store_at())
    except StoreUnavailable:
        # Nothing is wrong with the file that this call minds: nobody listens there.
        assert not cause
    except StoreMisconfigured as error:
        assert error.cause.startswith(cause)
    except StoreError as error:
        pytest.fail(f"{error!r}")
    else:
        assert not cause, "it must not succeed without keys"


@pytest.mark.parametrize("call", ["create", "sign", "link", "delete"])
def test_a_word_where_a_section_should_be_is_said(call: str, tmp_path: Path) -> None:
    configured(tmp_path, "s3 = x\naws_access_key_id = A\naws_secret_access_key = B")
    store = open_store(TransferSettings(s3_bucket="river-data", s3_role=ROLE))

    with pytest.raises(StoreMisconfigured, match="not set up correctly"):
        CALLS[call](store)


def test_a_configuration_file_that_is_not_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"[default]\nregion = \xff\xfe")

    with pytest.raises(StoreMisconfigured):
        create(store_at())


@pytest.mark.parametrize("endpoint", ["http://[::1", "http://river data", "http://host:port", "http:///"])
def test_an_address_that_is_none_is_said(endpoint: str) -> None:
    store = open_store(
        TransferSettings(
            s3_bucket="river-data",
            s3_endpoint=endpoint,
            s3_access_key_id="AKIDEXAMPLE",
            s3_secret_access_key="wJalrXUtnFEMI",
        )
    )

    with pytest.raises(StoreError):
        create(store)
    with pytest.raises(StoreError):
        object_url(store, "key")


def test_a_bucket_name_that_no_store_has_is_said() -> None:
    store = store_at(s3_access_key_id="AKIDEXAMPLE", s3_secret_access_key="x").beside("river/data")

    with pytest.raises(StoreMisconfigured):
        create(store)


def test_a_certificate_file_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    store = open_store(
        TransferSettings(
            s3_bucket="river-data",
            s3_endpoint="https://127.0.0.1:9",
            s3_access_key_id="AKIDEXAMPLE",
            s3_secret_access_key="wJalrXUtnFEMI",
        )
    )

    with pytest.raises(StoreError):
        delete_object(store, "key")


@pytest.mark.parametrize("store", [store_at(s3_profile="nope")])
def test_the_next_call_says_the_same(store: Store) -> None:
    for _ in range(2):
        with pytest.raises(StoreMisconfigured):
            store.client()
