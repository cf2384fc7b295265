"""What an administrator meets: the bucket info API, the bucket tasks, ``create-bucket`` and ``doctor``."""

import hmac
import json
import re
import shlex
from types import SimpleNamespace

import pytest
from caller import Caller, forget_request
from click.testing import CliRunner
from command_lists import cut_helps
from foreign import CONDITIONAL_COMPLETION, WRONG_SECRET_NAMED
from indico.core.db import db
from indico.modules.files.models.files import File
from indico.modules.users import User
from werkzeug.datastructures import ImmutableDict

from s3portal.cli import main as s3portal_command

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
    forget_request()
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


def test_how_long_a_refusal_takes_does_not_tell_what_was_right(app, plugin, monkeypatch):
    from indico_plugin import bucket_info

    compared = []

    def compare(given, wanted):
        compared.append(wanted.decode())
        return hmac.compare_digest(given, wanted)

    plugin.settings.set_multi(SETTINGS)
    db.session.commit()
    monkeypatch.setattr(bucket_info, "hmac", SimpleNamespace(compare_digest=compare))
    for auth in (("wrong", "wrong"), ("backup", "wrong"), ("wrong", "pässword")):
        compared.clear()
        assert ask(app, *auth).status_code == 401
        assert compared == ["backup", "pässword"]


def test_an_empty_password_in_the_settings_lets_no_one_in(app, plugin):
    plugin.settings.set_multi({"bucket_info_enabled": True, "username": "", "password": ""})
    db.session.commit()
    assert ask(app, "", "").status_code == 401


def test_it_lists_the_backends_and_the_buckets_that_files_are_in(app, plugin, s3):
    plugin.settings.set_multi(SETTINGS)
    file = File(filename="a.txt", content_type="text/plain", size=1, md5="", storage_backend="dyn")
    file.storage_file_id = "dyn-2020-secret//a.txt"
    db.session.add(file)
    db.session.commit()
    answer = ask(app, "backup", "pässword").json
    # Other tests have files in buckets of other years.
    assert "dyn-2020-secret" in answer["dyn"].pop("buckets")
    assert answer == {
        "s3": {"readonly": False, "meta": None, "dynamic": False, "bucket": "indico-files"},
        "old": {"readonly": True, "meta": None, "dynamic": False, "bucket": "indico-files"},
        "dyn": {"readonly": False, "meta": "year", "dynamic": True, "template": "dyn-<year>"},
    }
    # The doctor would look for it.
    db.session.delete(file)
    db.session.commit()


def test_create_bucket_makes_what_is_missing_and_says_what_it_did(app, s3):
    from indico_plugin.cli import s3_commands

    run = app.test_cli_runner().invoke(s3_commands, ["create-bucket"])
    assert run.exit_code == 0
    assert "Storage s3: bucket indico-files already exists" in run.output
    assert "Storage dyn: bucket dyn-" in run.output
    assert "Storage old" not in run.output


@pytest.mark.parametrize(
    "entry",
    [
        "s3",
        "s4:bucket=b",
        "s3:region=x",
        "s3:bucket=b,expires=soon",
        "s3-dynamic:bucket_template=x",
        "s3:",
        "",
    ],
)
def test_an_entry_that_cannot_be_opened_is_left_out_and_the_others_are_listed(
    app, plugin, monkeypatch, entry
):
    indico = {**app.config["INDICO"]}
    indico["STORAGE_BACKENDS"] = {"wrong": entry, **indico["STORAGE_BACKENDS"]}
    monkeypatch.setitem(app.config, "INDICO", ImmutableDict(indico))
    plugin.settings.set_multi(SETTINGS)
    db.session.commit()
    answer = ask(app, "backup", "pässword")
    assert answer.status_code == 200
    assert answer.json.keys() == {"s3", "old", "dyn"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "Storage nowhere does not exist"),
        ("fs", "Storage fs is not an s3 storage"),
        ("old", "Storage old is read-only"),
    ],
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

    good = DynamicS3Storage(s3.options(bucket_template="task-<year>-<month>", bucket_secret="x"))
    bad = DynamicS3Storage(s3.options(bucket_template="task2-<year>", bucket_secret="x", secret_key="wrong"))
    monkeypatch.setattr(tasks, "writable_dynamic_storages", lambda: [("bad", bad), ("good", good)])
    with pytest.raises(Exception, match=r"403|Forbidden"):
        tasks.create_buckets_ahead.apply(throw=True)
    assert all(good.bucket_exists(bucket) for bucket in good.wanted_buckets())


def test_doctor_makes_the_bucket_ready_before_direct_uploads_are_turned_on(make_site, s3, bucket):
    site = make_site(
        base_url="https://indico.example.org:8443",
        backends={"s3": f"s3:{s3.options(bucket=bucket)}"},
        attachments="s3",
    )
    before = site.indico("s3", "doctor").stdout
    assert "✓ s3: direct uploads: are off" in before
    assert (
        "✓ s3: CORS: before direct uploads are switched on: pages of https://indico.example.org:8443"
        in before
    )
    assert "or: indico s3 doctor --apply" in before
    # The site's own configuration is enough for the command that the doctor prints.
    [command] = re.findall("fix: (s3portal bucket cors set .*)", before)
    assert f"cors set {bucket} --config {site.conf} --backend s3 --origin https://indico" in command
    dry = CliRunner().invoke(s3portal_command, [*shlex.split(command)[1:], "--dry-run"])
    assert (dry.exit_code, '"https://indico.example.org:8443"' in dry.output) == (0, True), dry.output
    after = site.indico("s3", "doctor", "--apply").stdout
    assert "✓ s3: CORS: applied: pages of https://indico.example.org:8443 may send parts" in after
    [rule] = s3.client.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://indico.example.org:8443"]


def test_the_table_of_the_version_before_is_brought_up_to_date_with_its_rows(make_site, s3, database):
    site = make_site(backends={"s3": f"s3:{s3.options(bucket='indico-files')}"}, attachments="s3")
    row = (
        "INSERT INTO plugin_storage_s3.uploads (id, user_id, owner_type, owner_id, attachment_id, file_id,"
        " backend, bucket, state, filename, size_bytes, content_type, part_size_bytes, part_count, key,"
        " s3_upload_id, fingerprint, created_at, updated_at, expires_at)"
        " VALUES ('6c5a3f0e-0000-4000-8000-000000000001', 1, 'event', 1, 1, 1, 's3', 'indico-files',"
        " 'attached', 'a', 1, 't', 5242880, 1, 'k', 'u', '', now(), now(), now())"
    )
    database.execute(
        "DROP TABLE plugin_storage_s3.lost_files",
        "ALTER TABLE plugin_storage_s3.uploads DROP COLUMN lease_token, DROP COLUMN lease_until",
        "UPDATE alembic_version_plugin_storage_s3 SET version_num = '0c5e1f8a9b27'",
        row,
        database=site.database_name,
    )
    # Before the upgrade, the site works all the same.
    assert "direct uploads: are off" in site.indico("s3", "doctor").stdout
    site.indico("db", "--plugin", "storage_s3", "upgrade")
    for table, count in (("uploads", 1), ("lost_files", 0)):
        rows = database.query(f"SELECT count(*) FROM plugin_storage_s3.{table}", site.database_name)
        assert rows == [(count,)]


@pytest.mark.needs(CONDITIONAL_COMPLETION)
def test_doctor_finds_nothing_wrong_with_a_site_that_is_well(app):
    from indico_plugin.cli import s3_commands

    run = app.test_cli_runner().invoke(s3_commands, ["doctor", "--json"])
    findings = json.loads(run.output)
    assert findings
    assert [finding for finding in findings if finding["state"] != "ok"] == []
    assert run.exit_code == 0


@pytest.mark.needs(WRONG_SECRET_NAMED)
def test_doctor_says_what_is_wrong_and_how_to_mend_it(make_site, s3):
    site = make_site(
        backends={
            "typo": f"s3:{s3.options(bucket='never-made', buckett='x', proxy='on')}",
            "broken": "s3:region=eu-west-1",
            "keys": f"s3:{s3.options(bucket='indico-files', secret_key='wrong')}",
        }
    )
    run = site.indico_in_a_shell("s3", "doctor")
    assert run.returncode == 1
    for sentence in (
        "typo: options: buckett is not an option; did you mean bucket?",
        "typo: proxy: downloads go through Indico's own processes",
        "typo: bucket never-made: does not exist",
        "fix: indico s3 create-bucket --storage typo",
        "broken: options: STORAGE_BACKENDS['broken']: bucket is missing",
        "keys: bucket indico-files: ",
        "fix: check secret_key",
    ):
        assert sentence in run.stdout


def test_a_site_that_comes_from_the_other_plugin_gets_its_table_by_the_documented_command(
    make_site, s3, database
):
    site = make_site(backends={"s3": f"s3:{s3.options(bucket='indico-files')}"}, attachments="s3")
    columns = (
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'plugin_storage_s3' ORDER BY 1"
    )
    made_by_models = database.query(columns, site.database_name)
    database.execute(
        "DROP SCHEMA plugin_storage_s3 CASCADE", "DROP TABLE alembic_version_plugin_storage_s3",
        database=site.database_name,
    )  # fmt: skip
    before = site.indico("s3", "doctor")
    assert "direct uploads: cannot be turned on yet" in before.stdout
    assert "fix: indico db --plugin storage_s3 upgrade" in before.stdout
    site.indico("db", "--plugin", "storage_s3", "upgrade")
    assert database.query(columns, site.database_name) == made_by_models
    assert "direct uploads: are off" in site.indico("s3", "doctor").stdout


@pytest.fixture
def admin(app, plugin):
    user = User(
        first_name="Ada", last_name="Min", email=f"admin{User.query.count()}@example.org", is_admin=True
    )
    db.session.add(user)
    db.session.commit()
    return Caller(app, user)


def test_the_settings_page_turns_direct_uploads_on_for_categories_and_groups(admin, plugin):
    page = admin.client.get("/admin/plugins/storage_s3/").get_data(as_text=True)
    for name in (
        "bucket_info_enabled",
        "username",
        "direct_uploads",
        "direct_upload_categories",
        "direct_upload_groups",
    ):
        assert f'name="{name}"' in page
    saved = admin.form(
        "/admin/plugins/storage_s3/",
        direct_uploads="y",
        direct_upload_categories=json.dumps([{"id": 0}]),
        direct_upload_groups="[]",
    )
    assert saved.status_code in (200, 302)
    forget_request()
    assert plugin.settings.get("direct_uploads") is True
    assert plugin.settings.get("direct_upload_categories") == [{"id": 0}]


def test_they_are_not_turned_on_where_new_materials_do_not_go_to_s3(admin, plugin, monkeypatch):
    monkeypatch.setattr("indico_plugin.plugin.attachment_storage", lambda: None)
    page = admin.form("/admin/plugins/storage_s3/", direct_uploads="y", direct_upload_categories="[]")
    assert "ATTACHMENT_STORAGE in indico.conf is not an S3 backend" in page.get_data(as_text=True)
    forget_request()
    assert plugin.settings.get("direct_uploads") is False


def test_the_lists_of_commands_cut_no_sentence() -> None:
    from indico_plugin.cli import s3_commands

    assert list(cut_helps(s3_commands, "indico s3")) == []
