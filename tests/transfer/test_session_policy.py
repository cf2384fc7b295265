"""The session policy opens exactly one key, or one dataset's folder, for exactly the multipart calls."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3portal.transfer import prefix_policy, upload_policy


def statements(policy: str) -> list[dict[str, object]]:
    return json.loads(policy)["Statement"]


def test_it_allows_the_three_multipart_actions_on_one_key() -> None:
    policy = upload_policy("river-data", "org/dataset/upload/rivers.csv")

    assert statements(policy) == [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            "Resource": "arn:aws:s3:::river-data/org/dataset/upload/rivers.csv",
        }
    ]


def test_parts_alone_are_allowed_where_no_object_is_created() -> None:
    parts, rest = statements(upload_policy("river-data", "org/dataset/upload/rivers.csv", parts_only=True))

    assert parts["Action"] == ["s3:PutObject"]
    assert parts["Condition"] == {"Bool": {"s3:ObjectCreationOperation": "false"}}
    assert rest["Action"] == ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    assert parts["Resource"] == rest["Resource"] == "arn:aws:s3:::river-data/org/dataset/upload/rivers.csv"


@given(st.text(max_size=100))
def test_no_key_that_sts_takes_is_too_long_for_parts_alone(key: str) -> None:
    """Where both statements would be too long, only what sends parts is left."""
    policy = upload_policy("river-data", key, parts_only=True)

    assert len(policy) <= 2048
    assert all("s3:PutObject" not in each["Action"] or "Condition" in each for each in statements(policy))


def test_a_long_key_leaves_out_listing_and_aborting() -> None:
    (statement,) = statements(upload_policy("river-data", "ü" * 200, parts_only=True))

    assert statement["Action"] == ["s3:PutObject"]
    assert "Condition" in statement


@pytest.mark.parametrize("prefix", ["org/dataset", "org/dataset/"])
def test_a_prefix_ends_at_its_folder_so_that_no_neighbour_is_open(prefix: str) -> None:
    (statement,) = statements(prefix_policy("river-data", prefix))

    assert statement["Resource"] == "arn:aws:s3:::river-data/org/dataset/*"


@pytest.mark.parametrize("prefix", ["", "/", "//"])
def test_no_prefix_opens_the_bucket(prefix: str) -> None:
    with pytest.raises(ValueError, match="whole bucket"):
        prefix_policy("river-data", prefix)


def test_wildcards_and_variables_in_a_key_stand_for_themselves() -> None:
    (statement,) = statements(upload_policy("river-data", "a/*/b?/${aws:username}"))

    assert statement["Resource"] == "arn:aws:s3:::river-data/a/${*}/b${?}/${$}{aws:username}"


@given(st.text(max_size=150))
def test_no_key_leaves_a_wildcard_in_the_policy(key: str) -> None:
    (statement,) = statements(upload_policy("river-data", key))
    resource = str(statement["Resource"])
    for escape in ("${*}", "${?}", "${$}"):
        resource = resource.replace(escape, "")

    assert not set(resource) & set("*?$")


def test_a_blank_in_a_key_is_written_so_that_ceph_keeps_it() -> None:
    policy = upload_policy("river-data", "two words.csv")

    assert r"two\u0020words.csv" in policy
    assert statements(policy)[0]["Resource"] == "arn:aws:s3:::river-data/two words.csv"


@given(st.text(max_size=100))
def test_the_policy_is_compact_ascii_for_ceph_and_sts(key: str) -> None:
    policy = upload_policy("river-data", key)

    assert policy.isascii()
    assert not set(policy) & set(" \n\t")
    assert len(policy) <= 2048


def test_a_policy_that_sts_would_refuse_is_an_error_here() -> None:
    with pytest.raises(ValueError, match="2048"):
        upload_policy("river-data", "🙂" * 250)


def test_other_partitions_have_other_names() -> None:
    (statement,) = statements(upload_policy("river-data", "key", partition="aws-cn"))

    assert statement["Resource"] == "arn:aws-cn:s3:::river-data/key"
