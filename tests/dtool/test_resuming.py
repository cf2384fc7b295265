"""What ``dtool cp`` makes of a dataset at its destination: its own copy, begun, or somebody's work."""

import dtoolcore
import pytest
from datasets import contents_of, put_bytes

ITEMS = {"a.csv": b"a", "b.csv": b"b", "big.bin": b"x" * 9 * 1024 * 1024}


@pytest.fixture
def source(on_disk):
    return on_disk(ITEMS)


@pytest.fixture
def begun(source, bucket, tmp_path):
    """A copy that was interrupted after its first item, however that came about."""
    metadata = {**dtoolcore.DataSet.from_uri(source).admin_metadata, "type": "protodataset"}
    copy = dtoolcore.generate_proto_dataset(metadata, bucket.uri)
    copy.create()
    put_bytes(copy, tmp_path, "a.csv", b"a")
    return copy


def test_the_same_copy_again_resumes_with_the_rest(begun, source, dtool, bucket):
    assert dtool.ok("cp", "-q", source, bucket.uri) == begun.uri
    assert contents_of(begun.uri) == ITEMS
    copied, copy = dtoolcore.DataSet.from_uri(source), dtoolcore.DataSet.from_uri(begun.uri)
    assert copied.admin_metadata == copy.admin_metadata


def test_a_copy_that_stock_began_is_gone_on_with(stock, source, dtool, bucket):
    stock.script(
        f"""
        source = dtoolcore.DataSet.from_uri({source!r})
        copy = dtoolcore._copy_create_proto_dataset(source, {bucket.uri!r})
        copy.put_item(source.item_content_abspath(dtoolcore.utils.generate_identifier("b.csv")), "b.csv")
        """
    )
    uri = dtool.ok("cp", "-q", source, bucket.uri)
    assert contents_of(uri) == ITEMS


def test_it_is_a_dataset_to_every_other_command(begun, dtool, bucket, tmp_path):
    assert dtool.ok("status", begun.uri) == "proto"
    (tmp_path / "c.csv").write_bytes(b"c")
    dtool.ok("add", "item", str(tmp_path / "c.csv"), begun.uri)
    assert begun.uri in dtool.ok("ls", "-q", bucket.uri)
    assert dtoolcore.ProtoDataSet.from_uri(begun.uri).name == "rivers"


def test_a_complete_copy_is_not_copied_over(source, dtool, bucket):
    dtool.ok("cp", "-q", source, bucket.uri)
    again = dtool("cp", "-q", source, bucket.uri)
    assert again.returncode != 0
    assert "Dataset already exists" in again.stderr


def test_a_proto_dataset_that_someone_made_is_not_copied_over(source, dtool, bucket):
    metadata = {**dtoolcore.DataSet.from_uri(source).admin_metadata, "type": "protodataset"}
    del metadata["frozen_at"]
    dtoolcore.generate_proto_dataset(metadata, bucket.uri).create()
    refused = dtool("cp", "-q", source, bucket.uri)
    assert refused.returncode != 0
    assert "Dataset already exists" in refused.stderr


def test_a_complete_copy_is_nothing_to_resume(source, dtool, bucket):
    uri = dtool.ok("cp", "-q", source, bucket.uri)
    again = dtool("cp", "-q", "--resume", source, bucket.uri)
    assert (again.returncode, again.stderr) == (1, f"Error: The copy is complete already: {uri}\n")


def test_a_copy_that_was_never_begun_is_nothing_to_resume(source, dtool, bucket):
    refused = dtool("cp", "-q", "--resume", source, bucket.uri)
    assert refused.returncode == 1
    assert "Run the command without --resume" in refused.stderr
    assert "Traceback" not in refused.stderr
