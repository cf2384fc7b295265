"""What an administrator meets: the bucket info API, the bucket tasks, ``create-bucket`` and ``doctor``."""

import json

import pytest
from indico.core.db import db

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke

SETTINGS = {"bucket_info_enabled": True, "username": "backup", "password": "pässword"}


@pytest.fixture
def plugin(context):
    from indico_plugin.plugin import S3StoragePlugin

    with S3StoragePlugin.instance.plugin_context():
        yield S3StoragePlugin
        S3StoragePlugin.settings.delete_all()
        db.session.commit()


def ask(app, *auth):
    # A context of its own for each request, or they would share what Indico keeps for one.
    with app.app_context():
        return app.test_client().get("/api/plugin/s3/buckets", auth=auth or None)


def test_the_bucket_info_api_is_not_there_while_it_is_off(app, plugin):
    assert ask(app).status_code == 404


@pytest.mark.parametrize(
    "auth",
    [(), ("backup", "wrong"), ("wrong", "pässword"), ("backup", ""), ("", ""), ("backup", "pässword2")],
)
def test_without_the_right_login_it_tells_nothing(app, plugin, auth):
    plugin.settings.set_multi(SETTINGS)
    db.session.commit()
    answer = ask(app, *auth)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Indico - S3 Buckets"'


def test_an_empty_password_in_the_settings_lets_nobody_in(app, plugin):
    plugin.settings.set_multi({"bucket_info_enabled": True, "username": "", "password": ""})
    db.session.commit()
    assert ask(app, "", "").status_code == 401


def test_it_lists_the_backends_and_the_buckets_that_files_are_in(app, plugin, s3):
    plugin.settings.set_multi(SETTINGS)
    db.session.commit()
    answer = ask(app, "backup", "pässword")
    assert answer.json == {
        "s3": {"readonly": False, "meta": None, "dynamic": False, "bucket": "indico-files"},
        "dyn": {"readonly": False, "meta": "year", "dynamic": True, "template": "dyn-<year>", "buckets": []},
    }


def test_create_bucket_makes_what_is_missing_and_says_what_it_did(app, s3):
    from indico_plugin.cli import s3_commands

    run = app.test_cli_runner().invoke(s3_commands, ["create-bucket"])
    assert run.exit_code == 0
    assert "Storage s3: bucket indico-files already exists" in run.output
    assert "Storage dyn: bucket dyn-" in run.output


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nowhere", "Storage nowhere does not exist"), ("fs", "Storage fs is not an s3 storage")],
)
def test_create_bucket_for_what_cannot_have_one_fails(app, name, sentence):
    from indico_plugin.cli import s3_commands

    run = app.test_cli_runner().invoke(s3_commands, ["create-bucket", "--storage", name])
    assert run.exit_code == 1
    assert sentence in run.output


def test_the_task_makes_the_buckets_of_all_backends_and_reports_the_one_that_fails(
    app, context, monkeypatch, s3
):
    from indico_plugin import tasks
    from indico_plugin.dynamic_buckets import DynamicS3Storage

    good = DynamicS3Storage(s3.options(bucket_template="task-<month>", bucket_secret="x"))
    bad = DynamicS3Storage(s3.options(bucket_template="task2-<year>", bucket_secret="x", secret_key="wrong"))
    monkeypatch.setattr(tasks, "writable_dynamic_storages", lambda: [("bad", bad), ("good", good)])
    with pytest.raises(Exception, match=r"403|Forbidden"):
        tasks.create_buckets_ahead.apply(throw=True)
    assert all(good.bucket_exists(bucket) for bucket in good.wanted_buckets())


def test_doctor_finds_nothing_wrong_with_a_site_that_is_well(app):
    from indico_plugin.cli import s3_commands

    run = app.test_cli_runner().invoke(s3_commands, ["doctor", "--json"])
    findings = json.loads(run.output)
    assert {finding["state"] for finding in findings} == {"ok"}, findings
    assert run.exit_code == 0


def test_doctor_says_what_is_wrong_and_how_to_mend_it(make_site, s3):
    site = make_site(
        backends={
            "typo": f"s3:{s3.options(bucket='never-made', buckett='x', proxy='on')}",
            "broken": "s3:region=eu-west-1",
            "keys": f"s3:{s3.options(bucket='indico-files', secret_key='wrong')}",
        }
    )
    run = site.indico("s3", "doctor", check=False)
    assert run.returncode == 1
    for sentence in (
        "typo: options: buckett is not an option; did you mean bucket?",
        "typo: proxy: downloads go through Indico's own processes",
        "typo: bucket never-made: is not there",
        "mend: indico s3 create-bucket --storage typo",
        "broken: options: STORAGE_BACKENDS: bucket is missing",
        "keys: bucket indico-files: ",
        "mend: check the keys",
    ):
        assert sentence in run.stdout
