"""The server as a test double for other projects, as docs/testing.md has it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import requests
from s3_callers import client_of

from s3portal.server.config import config_of_json, read_config_file
from s3portal.server.config_values import ConfigError
from s3portal.server.testing import RunningServer

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")


def example(language, containing):
    """The example of the page that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(block for block in blocks if containing in block)


class TestFixtures:
    def test_the_examples_of_the_page_run_in_another_project(self, pytester):
        pytester.makeini(example("ini", "s3portal_config"))
        (pytester.mkdir("tests") / "s3.yaml").write_text(example("yaml", "river-data"))
        pytester.makepyfile(
            "import requests\n\n"
            + "\n".join(example("python", name) for name in ("report", "expires", "bad_minute"))
            + textwrap.dedent(
                """
                def test_filled(s3_client):
                    found = s3_client.get_object(Bucket="river-data", Key="public/gauges.csv")
                    assert found["Body"].read() == b"1,2"
                    s3_client.delete_bucket_policy(Bucket="river-data")
                    s3_client.put_object(Bucket="river-data", Key="public/gauges.csv", Body=b"changed")

                def test_put_back(s3_client, s3portal_server):
                    assert s3portal_server.requests == []
                    found = s3_client.get_object(Bucket="river-data", Key="public/gauges.csv")
                    assert found["Body"].read() == b"1,2"
                    assert s3_client.get_bucket_policy(Bucket="river-data")
                    assert [b["Name"] for b in s3_client.list_buckets()["Buckets"]] == ["river-data"]

                def test_environment(s3_environment):
                    import boto3
                    assert boto3.client("s3").list_buckets()["Buckets"]
                """
            )
        )
        result = pytester.runpytest_subprocess("-p", "no:valkey", "-q")
        result.assert_outcomes(passed=6)


class TestOneFile:
    @pytest.fixture
    def server(self, tmp_path):
        (tmp_path / "s3.yaml").write_text(example("yaml", "river-data"))
        with RunningServer(tmp_path / "s3", read_config_file(tmp_path / "s3.yaml")) as found:
            yield found

    def test_it_has_buckets_policies_and_objects(self, server):
        s3 = client_of(server, "admin")
        found = s3.get_object(Bucket="river-data", Key="public/gauges.csv")
        assert (found["Body"].read(), found["ContentType"]) == (b"1,2", "text/csv")
        assert found["Metadata"] == {"station": "7"}
        assert s3.get_bucket_versioning(Bucket="river-data")["Status"] == "Enabled"
        assert requests.get(f"{server.endpoint}/river-data/public/gauges.csv", timeout=60).status_code == 200
        assert requests.get(f"{server.endpoint}/river-data/private/photo.png", timeout=60).status_code == 403

    def test_what_is_there_at_the_next_start_stays(self, server, tmp_path):
        client_of(server, "admin").put_object(Bucket="river-data", Key="public/gauges.csv", Body=b"newer")
        server.stop()
        with RunningServer(tmp_path / "s3", read_config_file(tmp_path / "s3.yaml")) as again:
            found = client_of(again, "admin").get_object(Bucket="river-data", Key="public/gauges.csv")
            assert found["Body"].read() == b"newer"

    @pytest.mark.parametrize(
        ("bucket", "sentence"),
        [
            ({"versioning": "on"}, "versioning must be one of"),
            ({"policy": {"Statement": []}}, r"buckets\[0\].policy"),
            ({"objects": [{"key": "a"}]}, r"objects\[0\] needs either text or base64"),
            ({"objects": [{"key": "a", "text": "", "base64": ""}]}, "needs either text or base64"),
            ({"objects": [{"key": "a", "base64": "?"}]}, "base64 is not valid"),
            ({"objects": [{"key": "", "text": ""}]}, "a key must have"),
            ({"objects": [{"key": "a", "text": "1"}, {"key": "a", "text": "2"}]}, "given twice"),
            ({"objects": [{"key": "a", "text": "1", "metadata": {"a": 1}}]}, "metadata must be"),
        ],
    )
    def test_mistakes_are_named(self, bucket, sentence):
        with pytest.raises(ConfigError, match=sentence):
            config_of_json({"buckets": [{"name": "bucket", **bucket}]})

    def test_a_file_that_is_no_yaml_is_named(self, tmp_path):
        (tmp_path / "s3.yaml").write_text("users: [")
        with pytest.raises(ConfigError, match=r"s3\.yaml: it is not valid YAML"):
            read_config_file(tmp_path / "s3.yaml")
