"""What an upload asks of the store's encryption, from one setting."""

import pytest

from s3portal.transfer import SettingsError, TransferSettings, read_settings
from s3portal.transfer.encryption import encryption_arguments


@pytest.mark.parametrize(
    ("sse", "arguments"),
    [
        ("", {}),
        ("AES256", {"ServerSideEncryption": "AES256"}),
        ("aws:kms", {"ServerSideEncryption": "aws:kms"}),
        (
            "aws:kms:arn:aws:kms:eu-west-1:123456789012:key/1a2b",
            {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": "arn:aws:kms:eu-west-1:123456789012:key/1a2b",
            },
        ),
    ],
)
def test_each_value_of_the_setting_has_its_arguments(sse, arguments):
    assert encryption_arguments(sse) == arguments


@pytest.mark.parametrize("text", ["aes256", "kms", "aws:kms:"])
def test_another_value_is_named_in_the_error(text):
    with pytest.raises(SettingsError, match="s3_sse = "):
        read_settings(TransferSettings, {"s3_bucket": "files", "s3_sse": text}, "")
