"""What an administrator gets wrong in indico.conf or on the command line is told what and where, in a
sentence.
"""

import json
import re

import pytest
from indico.core.db import db
from indico.modules.files.models.files import File
from werkzeug.datastructures import ImmutableDict

FINE = "fine"


@pytest.fixture
def with_backends(app, context, s3, monkeypatch):
    """Gives the site these entries of STORAGE_BACKENDS beside one that is fine; options in braces are those
    of a server that is there.
    """

    def change(attachments=FINE, STATIC_SITE_STORAGE=None, **backends):
        bucket = s3.options(bucket="indico-files")
        entries = {name: entry.replace("{s3}", s3.options()) for name, entry in backends.items()}
        monkeypatch.setitem(
            app.config,
            "INDICO",
            ImmutableDict(
                {
                    **app.config["INDICO"],
                    "STORAGE_BACKENDS": {"local": "fs:/tmp", FINE: f"s3:{bucket}", **entries},
                    "ATTACHMENT_STORAGE": attachments,
                    "STATIC_SITE_STORAGE": STATIC_SITE_STORAGE or attachments,
                }
            ),
        )

    return change


@pytest.fixture
def file_in(context):
    """Records a file in a backend, for as long as the test lasts."""
    made = []

    def record(backend):
        file = File(filename="a.txt", content_type="text/plain", size=1, md5="", storage_backend=backend)
        file.storage_file_id = "a.txt"
        made.append(file)
        db.session.add(file)
        db.session.commit()

    yield record
    for file in made:
        db.session.delete(file)
    db.session.commit()


@pytest.fixture
def run(app):
    """Runs a command of ``indico s3``; its exit code and all it said."""
    from indico_plugin.cli import s3_commands

    def run(*arguments):
        result = app.test_cli_runner().invoke(s3_commands, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


ENTRIES = {
    "no colon": ("s3", "'s3' is not of the form kind:options"),
    "no kind": ("S3-dynamc:{s3},bucket=b", "'S3-dynamc' is not a kind of backend; did you mean s3-dynamic?"),
    "no bucket": ("s3:{s3}", "bucket is missing"),
    "another name": (
        "s3:{s3},bukcet=x",
        "bucket is missing.*; bukcet is not an option; did you mean bucket?",
    ),
    "no such placeholder": (
        "s3-dynamic:{s3},bucket_secret=x,bucket_template=indico-<yaer>-<month>",
        "bucket_template has <yaer>; placeholders are <year>, <month> and <week>",
    ),
    "several": ("s3:{s3},bucket=b,expires=soon,sse=rot13", "expires = soon .* sse = rot13 "),
}


@pytest.mark.parametrize(("entry", "sentence"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_cannot_work_is_named_and_does_not_stop_the_others(
    with_backends, run, tmp_path, entry, sentence
):
    with_backends(wrong=entry)
    code, said = run("doctor")
    assert code == 1
    assert re.search(rf"✗ wrong: options: STORAGE_BACKENDS\['wrong'\]: {sentence}", said), said
    assert "✓ fine: bucket indico-files: exists" in said
    code, said = run("create-bucket")
    assert code == 1
    assert re.search(rf"Storage wrong: STORAGE_BACKENDS\['wrong'\]: {sentence}", said), said
    assert "Storage fine: bucket indico-files already exists" in said
    for command in (("copy", "-B", "new"), ("back",)):
        code, said = run("migrate", *command, tmp_path / "mapping.jsonl")
        assert code == 2
        assert re.search(rf"Error: STORAGE_BACKENDS\['wrong'\]: {sentence}", said), said


@pytest.mark.parametrize(
    ("attachments", "sentence"),
    [
        (
            "fien",
            "✗ fien: new materials: cannot be saved: STORAGE_BACKENDS in indico.conf has no fien; did you",
        ),
        ("broken", "✗ broken: new materials: cannot be saved: STORAGE_BACKENDS['broken']: bucket is missing"),
        (
            "broken",
            "✓ broken: direct uploads: cannot be used: new materials do not go to a writable S3 backend",
        ),
        ("old", "✗ old: new materials: cannot be saved: old is read-only"),
        ("local", "! local: new materials: do not go to S3"),
    ],
)
def test_where_new_materials_cannot_go_is_said(with_backends, run, attachments, sentence):
    with_backends(attachments, old="s3-readonly:{s3},bucket=indico-files", broken="s3:{s3}")
    code, said = run("doctor")
    assert sentence in said
    assert code == 1 or "✗" not in sentence


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            "s3:{s3},bucket=b,bucket=indico-files",
            "! odd: options: bucket is given twice; the last one counts",
        ),
        (
            "s3:{s3},bucket=indico-files,meta=a, b",
            "'b' is not of the form option=value, and a value has no comma",
        ),
        (
            "s3:{s3},bucket=indico-files,proxy=ngnix",
            "! odd: options: proxy=ngnix is not one of: false, true, nginx; did you mean nginx?; it is",
        ),
        (
            "s3:{s3},bucket=indico-files,buket_versioning=yes",
            "! odd: options: buket_versioning is not an option; did you mean bucket_versioning?",
        ),
        (
            "s3:{s3},bucket=Indico_Files",
            "✗ odd: bucket Indico_Files: does not exist and cannot be created: 'I' is in it",
        ),
        (
            "s3:{s3},bucket=ab",
            "✗ odd: bucket ab: does not exist and cannot be created: it has 2 characters, but a",
        ),
        (
            "s3:{s3},bucket=10.0.0.1",
            "✗ odd: bucket 10.0.0.1: does not exist and cannot be created: a bucket's name must not",
        ),
        ("s3:{s3},bucket=a b", "✗ odd: bucket a b: cannot exist: ' ' is in it"),
        (
            "s3-readonly:{s3},bucket=elsewhere",
            "✗ odd: bucket elsewhere: does not exist, so none of its files",
        ),
        (
            "s3-dynamic:{s3},bucket_template=INDICO-<year>,bucket_secret=x",
            "does not exist and cannot be created: 'I' is in it, but a bucket's name",
        ),
        (
            "s3-dynamic:{s3},bucket_template=monthly-<month>,bucket_secret=x",
            "✗ odd: new files: bucket_template has no <year>: next year's files would go into",
        ),
        (
            "s3:{s3},bucket=indico-files,profile=nobody",
            "✗ odd: bucket indico-files: profile=nobody: The config",
        ),
        ("s3:{s3},bucket=indico-files,bucket_policy_file=/nowhere", "✗ odd: bucket_policy_file: /nowhere: "),
        (
            "s3:bucket=b,host=http://127.0.0.1:9,access_key=a,secret_key=b",
            "✗ odd: bucket b: Could not connect",
        ),
    ],
)
def test_what_is_wrong_or_odd_about_an_entry_that_opens_is_said(with_backends, run, entry, sentence):
    with_backends(odd=entry)
    assert sentence in run("doctor")[1]


def test_of_two_equal_entries_each_is_blamed_for_itself(with_backends, run):
    with_backends(one="s3:{s3},bucket=b,expires=soon", other="s3:{s3},bucket=b,expires=soon")
    said = run("doctor")[1]
    for name in ("one", "other"):
        assert f"✗ {name}: options: STORAGE_BACKENDS['{name}']: expires = soon" in said
    assert "['one'] and" not in said


def test_the_package_of_a_static_site_that_cannot_be_saved_is_found(with_backends, run):
    with_backends(STATIC_SITE_STORAGE="fien")
    assert (
        "✗ fien: new offline copies: cannot be saved: STORAGE_BACKENDS in indico.conf has no fien"
        in run("doctor")[1]
    )


def test_a_missing_read_only_bucket_is_not_made(with_backends, run, s3):
    with_backends(odd="s3-readonly:{s3},bucket=elsewhere-2019")
    said = run("doctor", "--apply")[1]
    assert "create-bucket" not in said
    assert "where are the files?" in said
    assert "elsewhere-2019" not in {bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]}


def test_a_store_of_another_region_is_told_by_its_bare_400(with_backends, run, store_of_region):
    with_backends(odd=f"s3:bucket=b,host={store_of_region},access_key=a,secret_key=b,addressing_style=path")
    said = run("doctor")[1]
    assert re.search(r"✗ odd: bucket b: the bucket is in eu-lab-1, .*\n\s+fix: region = eu-lab-1", said), said


@pytest.fixture
def store_of_region():
    """What MinIO with a region of its own says to signatures for another one: nothing to HEAD, its region
    to GET.
    """
    from threading import Thread

    from werkzeug.serving import make_server
    from werkzeug.wrappers import Response

    told = (
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the"
        " region is wrong; expecting 'eu-lab-1'.</Message><Region>eu-lab-1</Region></Error>"
    )
    server = make_server(
        "127.0.0.1", 0, Response(told, status=400, mimetype="application/xml"), threaded=True
    )
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


def test_what_has_no_year_in_its_template_is_read_and_not_written(with_backends, run, s3):
    from indico.core.storage import StorageError
    from indico.core.storage.backend import get_storage

    with_backends(odd="s3-dynamic:{s3},bucket_template=monthly-<month>,bucket_secret=x")
    s3.client.create_bucket(Bucket="monthly-01-old")
    s3.client.put_object(Bucket="monthly-01-old", Key="a.txt", Body=b"old")
    storage = get_storage("odd")
    assert storage.open("monthly-01-old//a.txt").read() == b"old"
    with pytest.raises(StorageError, match="bucket_template has no <year>"):
        storage.save("b.txt", "text/plain", "b.txt", b"new")
    code, said = run("create-bucket", "--storage", "odd")
    assert (code, "bucket_template has no <year>" in said) == (1, True)


def test_a_policy_that_is_no_json_is_found_before_a_bucket_needs_it(with_backends, run, tmp_path):
    (tmp_path / "policy.json").write_text("{'Version': 2012}")
    with_backends(odd=f"s3:{{s3}},bucket=indico-files,bucket_policy_file={tmp_path}/policy.json")
    assert "policy.json: Expecting property name" in run("doctor")[1]


def test_tasks_continue_with_the_other_backends(with_backends, app, s3):
    from indico_plugin.tasks import writable_dynamic_storages

    with_backends(wrong="s3-dynamic:{s3}", good="s3-dynamic:{s3},bucket_template=go-<year>,bucket_secret=x")
    assert [name for name, _ in writable_dynamic_storages()] == ["good"]


STORES = {
    "endpoint": (("-e", "http://127.0.0.1:9"), "Could not connect to the endpoint"),
    "no URL": (("-e", "no url"), "host = no url is not a URL"),
    "keys": ((), "403|Forbidden"),
    "profile": (("-p", "nobody"), "profile=nobody: The config profile"),
}


@pytest.mark.parametrize(("arguments", "sentence"), STORES.values(), ids=STORES)
def test_a_store_that_cannot_be_used_is_said_once_and_before_any_file_is_read(
    with_backends, file_in, run, s3, monkeypatch, tmp_path, arguments, sentence
):
    with_backends()
    file_in("local")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = nobody\naws_secret_access_key = wrong\n"
    )
    endpoint = () if "-e" in arguments else ("-e", s3.endpoint)
    code, said = run("migrate", "copy", *endpoint, *arguments, "-B", "new", tmp_path / "mapping.jsonl")
    assert code == 1
    assert re.search(f"Error: The store cannot be used: .*({sentence})", said, re.DOTALL), said
    assert (tmp_path / "mapping.jsonl").read_text() == ""


def test_a_source_whose_keys_are_wrong_is_said_before_any_file_is_brought_back(
    with_backends, file_in, run, tmp_path
):
    with_backends(wrong="s3:{s3},bucket=indico-files,access_key=nobody")
    file_in("wrong")
    code, said = run("migrate", "back", tmp_path / "mapping.jsonl")
    assert (code, "The store cannot be used: " in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["copy", "-B", "new", "-r", "remote", "{folder}/m"], "rclone is not installed, or not on the PATH"),
        (["copy", "-B", "new-<yaer>", "{folder}/m"], "has <yaer>; placeholders are"),
        (
            ["copy", "-B", "new", "{folder}/nowhere/m"],
            "nowhere/m cannot be written: No such file or directory",
        ),
        (["copy", "-B", "new", "{folder}/binary"], "binary, line 1 is not an entry of a mapping"),
        (["apply", "{folder}/binary"], "binary, line 1 is not an entry of a mapping"),
        (["back", "-s", "local", "{folder}/m"], "local is not on S3"),
        (["back", "-t", "fine", "{folder}/m"], "fine is not a backend in the file system"),
        (["back", "-t", "nowhere", "{folder}/m"], "STORAGE_BACKENDS in indico.conf has no nowhere"),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(
    with_backends, run, monkeypatch, tmp_path, arguments, sentence
):
    with_backends()
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\n")
    code, said = run("migrate", *(argument.format(folder=tmp_path) for argument in arguments))
    assert (code, sentence in said) == (2, True), said


def test_apply_changes_nothing_where_the_backend_has_none_of_the_files(with_backends, run, tmp_path):
    with_backends()
    lines = [
        {
            "m": "AttachmentFile",
            "pk": [number],
            "ob": "local",
            "nb": FINE,
            "of": f"{number}",
            "nf": f"x/{number}",
        }
        for number in range(30)
    ]
    (tmp_path / "mapping").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, said = run("migrate", "apply", tmp_path / "mapping")
    assert code == 1
    assert "Nothing was changed. fine has none of the files: Could not get size of" in said
