"""The doctor says what no value by itself tells: of organisations, the janitor, the bucket and the role."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from callers import Caller
from ckan import model
from click.testing import CliRunner

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upload_states import RowState
from s3portal.cli import main as s3portal_command
from s3portal.server.pytest_plugin import BUCKET
from s3portal.server.testing import RunningServer
from s3portal.transfer import read_cors_rules

Doctor = Callable[..., tuple[int, str]]
Setting = Callable[[str, object], None]


@pytest.fixture
def doctor(cli: Any, ckan_config: Any, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Asks the doctor: exit code, and what it said."""
    # Other tests lose files on purpose.
    model.Session.query(UploadRow).filter_by(state=RowState.ATTACHED).update({"state": RowState.REMOVED})
    model.Session.commit()
    # The origin that the bucket of the tests lets in.
    monkeypatch.setitem(ckan_config, "ckan.site_url", "http://127.0.0.1:5000")

    def ask(*arguments: str) -> tuple[int, str]:
        said = cli.invoke(s3multipart, ["doctor", *arguments])
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        return said.exit_code, said.output

    return ask


def test_a_portal_that_is_well_is_told_so(doctor: Doctor, s3_server: RunningServer) -> None:
    s3_server.wait_until_idle()
    before = len(s3_server.requests)

    code, said = doctor()

    assert (code, "All is well." in said) == (0, True), said
    done = [record.operation for record in s3_server.requests[before:]]
    for operation in ("Preflight", "UploadPart", "CompleteMultipartUpload", "GetObject", "AssumeRole"):
        assert operation in done
    assert "as a browser would, crc64nvme compared" in said
    assert "64 altered tokens were refused" in said


def test_programs_get_json(cli: Any) -> None:
    findings = json.loads(cli.invoke(s3multipart, ["doctor", "--json"]).stdout)

    assert {"place", "subject", "state", "text", "mend"} == set(findings[0])


def test_an_organisation_that_is_not_there_is_told_with_the_one_that_was_meant(
    doctor: Doctor, publisher: Caller, setting: Setting
) -> None:
    setting("enabled_orgs", [publisher.organisation, publisher.organisation + "x"])

    code, said = doctor()

    assert code == 1
    assert f"✗ ckanext.s3multipart.enabled_orgs: {publisher.organisation}x: is not an organisation" in said
    assert f"fix: did you mean {publisher.organisation}?" in said
    assert f"✓ ckanext.s3multipart.enabled_orgs: {publisher.organisation}: may upload" in said


def test_a_setting_that_no_one_reads_is_named(doctor: Doctor, setting: Setting) -> None:
    setting("max_uplod_size", "5 GB")

    assert "! ckanext.s3multipart.max_uplod_size: name: is not a setting and has no effect" in (
        said := doctor()[1]
    )
    assert "fix: did you mean ckanext.s3multipart.max_upload_size?" in said


def test_that_no_one_may_upload_is_said_and_no_mistake(doctor: Doctor, setting: Setting) -> None:
    setting("enabled_orgs", [])

    code, said = doctor()

    assert (code, "organisations: none may upload" in said) == (0, True), said


@pytest.mark.parametrize(
    ("name", "value", "sentence", "mend"),
    [
        ("s3_bucket", "no-such-bucket", "✗ store: upload: ", "allow s3:PutObject"),
        ("s3_secret_access_key", "wrong", "✗ store: bucket test-bucket: ", "s3_secret_access_key"),
        ("s3_endpoint", "http://127.0.0.1:9", "nothing listens there", "check address and port in"),
        ("s3_public_endpoint", "http://127.0.0.1:9", "browsers are sent to", "s3_public_endpoint"),
        ("s3_profile", "nope", "The config profile (nope) could not be found", "s3_profile and AWS_PROFILE"),
        (
            "s3_role",
            "arn:aws:iam::000000000000:role/no-such-role",
            "✗ ckanext.s3multipart.s3_role: arn:aws:iam",
            "make the role's trust policy name arn:aws:iam::000000000000:user/portal",
        ),
    ],
)
def test_a_store_that_does_not_do_its_part_is_told(
    doctor: Doctor, setting: Setting, name: str, value: str, sentence: str, mend: str
) -> None:
    setting(name, value)

    code, said = doctor()

    assert (code, sentence in said, mend in said) == (1, True, True), said


def test_a_bucket_that_lets_no_page_of_this_site_in_is_told_and_fixed(
    doctor: Doctor, ckan_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = portal_store().client()
    before = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    monkeypatch.setitem(ckan_config, "ckan.site_url", "http://LOCALHOST:80/")

    code, said = doctor()
    assert code == 1
    assert "✗ store: CORS: pages of http://localhost may not send parts" in said
    assert "ckan s3multipart doctor --apply" in said

    try:
        for _ in range(2):
            code, said = doctor("--apply")
            assert (code, "All is well." in said) == (0, True), said
            assert len(client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]) == len(before) + 1
    finally:
        client.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": before})


@pytest.fixture
def ini(ckan_config: Any, doctor: Doctor, tmp_path: Path) -> Path:
    """The configuration of this site as a file."""
    ours = {
        name: value
        for name, value in ckan_config.items()
        if name.startswith("ckanext.s3multipart.") or name == "ckan.site_url"
    }
    lines = [f"{name} = {' '.join(v) if isinstance(v, list) else v}" for name, v in ours.items()]
    file = tmp_path / "ckan.ini"
    file.write_text("\n".join(["[app:main]", *lines]), "utf-8")
    return file


def of_the_bucket(findings: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """What is said of the bucket, however the doctor is called."""
    return [
        (each["subject"], each["state"], each["text"])
        for each in findings
        if each["place"] in ("store", BUCKET) and each["subject"] not in ("files", "unfinished")
    ]


@pytest.mark.parametrize("arguments", [(), ("--apply",)])
def test_the_doctor_of_the_bucket_finds_the_same(
    cli: Any, ini: Path, ckan_config: Any, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    client = portal_store().client()
    before = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    command = ["bucket", "doctor", "--config", str(ini), "--json", *arguments]
    found, after = [], []
    try:
        for run in (
            lambda: cli.invoke(s3multipart, ["doctor", "--json", *arguments]).stdout,
            lambda: f"[{','.join(CliRunner().invoke(s3portal_command, command).stdout.splitlines())}]",
        ):
            client.delete_bucket_cors(Bucket=BUCKET)
            found.append(of_the_bucket(json.loads(run())))
            after.append(read_cors_rules(portal_store()))
    finally:
        client.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": before})

    assert found[0] == found[1]
    assert after[0] == after[1]
    states = {subject: state for subject, state, _ in found[0]}
    expected = ("ok", "ok") if arguments else ("wrong", "look")
    assert (states["CORS"], states["CORS for readers"]) == expected
    assert {"public access", "lifecycle", "ACLs", "policy", "versions", "encryption"} <= set(states)


def test_what_the_doctor_prints_is_for_this_site(
    doctor: Doctor, ini: Path, ckan_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ckan_config, "__file__", str(ini))
    client = portal_store().client()
    before = client.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    client.delete_bucket_cors(Bucket=BUCKET)
    try:
        commands = re.findall("fix: (s3portal bucket cors .*)", doctor()[1])
        assert (
            commands[0] == f"s3portal bucket cors set {BUCKET} --config {ini} --origin http://127.0.0.1:5000"
        )
        for command in commands:
            said = CliRunner().invoke(s3portal_command, [*shlex.split(command)[1:], "--yes"])
            assert said.exit_code == 0, said.output
        assert "All is well." in doctor()[1]
    finally:
        client.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": before})


def test_a_published_file_that_vanished_is_told(doctor: Doctor, publisher: Caller) -> None:
    resource = publisher.publish()
    row = model.Session.query(UploadRow).filter_by(resource_id=resource["id"]).one()
    assert "are in the store as they were recorded" in doctor()[1]

    portal_store().client().delete_object(Bucket=BUCKET, Key=row.key)
    code, said = doctor()

    assert code == 1
    assert f"{row.filename} (resource {resource['id']}): is not in the store" in said

    # Once a reader has noticed, the doctor needs not look.
    assert publisher.get(resource["url"]).status_code == 404
    code, said = doctor()
    assert code == 1
    assert f"1 published files are no longer in the store, as readers noticed: {row.filename}" in said
    publisher.call("resource_delete", id=resource["id"])


def test_a_janitor_that_never_runs_is_told(doctor: Doctor, publisher: Caller) -> None:
    upload = publisher.begin()
    model.Session.query(UploadRow).filter_by(id=upload["id"]).update(
        {"expires_at": now() - timedelta(days=3)}
    )
    model.Session.commit()

    code, said = doctor()

    assert (code, "✗ janitor: runs: 1 uploads should have been removed days ago" in said) == (1, True), said
    publisher.call("s3multipart_upload_abort", id=upload["id"])


class TestPolicies:
    def test_they_are_filled_in_for_this_site(self, cli: Any, store_settings: dict[str, str]) -> None:
        said = cli.invoke(s3multipart, ["policies", "--json"])

        documents = {each["name"]: each["document"] for each in json.loads(said.output)}
        assert list(documents) == ["portal-policy", "role-trust", "role-policy", "cors", "lifecycle"]
        trusted = documents["role-trust"]["Statement"][0]["Principal"]["AWS"]
        assert trusted == portal_store().sts_client().get_caller_identity()["Arn"]
        assert f"arn:aws:s3:::{BUCKET}" in json.dumps(documents["portal-policy"])

    def test_one_alone_can_be_saved(self, cli: Any) -> None:
        said = cli.invoke(s3multipart, ["policies", "cors", "--principal", "arn:aws:iam::1:user/ckan"])

        assert list(json.loads(said.output)) == ["CORSRules"]

    def test_a_name_that_is_none_is_said(self, cli: Any) -> None:
        said = cli.invoke(s3multipart, ["policies", "trust"])

        assert said.exit_code == 1
        assert "this site has portal-policy, role-trust" in said.output
