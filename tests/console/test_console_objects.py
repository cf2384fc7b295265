"""Objects in the console: folders, one object, versions, sharing, previews, unfinished uploads."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
import requests
from console_visitor import ConsoleVisitor
from s3_clients import client_for

from s3portal.console.pages import chosen
from s3portal.server.testing import RunningServer

BUCKET = "console-objects"
ODD_KEYS = (
    '<script>alert("1")</script>',
    "a b/ö & ü?.txt",
    "x//y",
    "..",
    "trailing/",
    "%2F",
    "'\"",
    "new\nline",
)


@pytest.fixture(scope="module")
def s3(running: RunningServer) -> Any:
    s3 = client_for(running, "admin")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


def path(page: str = "object", **parameters: str) -> str:
    return (
        requests.Request("GET", f"http://x/ui/buckets/{BUCKET}/{page}", params=parameters).prepare().url[8:]
    )


def ask(visitor: ConsoleVisitor, what: str, *keys: str) -> None:
    """Chooses objects and folders, and asks to copy or to delete them."""
    visitor.open(path("objects"))
    visitor.page = visitor.http.post(
        f"{visitor.origin}/ui/buckets/{BUCKET}/chosen",
        data=[
            *(("key", key) for key in keys),
            ("what", what),
            ("prefix", ""),
            ("csrf_token", visitor.token()),
        ],
        headers={"Origin": visitor.origin},
    )


class TestFolders:
    def test_show_folders_first_and_lead_into_them(self, admin: ConsoleVisitor, s3: Any) -> None:
        for key in ("rivers/2026/a.nc", "rivers/b.nc", "rivers/2026/c.nc"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"12345")
        page = admin.open(path("objects", prefix="rivers/")).text
        assert page.index("2026/") < page.index("b.nc")
        assert "a.nc" not in page
        page = admin.open(path("objects", prefix="rivers/2026/")).text
        assert "a.nc" in page and "5 bytes" in page and ">rivers<" in page

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_names_of_every_kind_are_words_and_can_be_opened(
        self, admin: ConsoleVisitor, s3: Any, key: str
    ) -> None:
        s3.put_object(Bucket=BUCKET, Key=f"odd/{key}", Body=b"odd")
        assert "<script>alert" not in admin.open(path("objects", prefix="odd/")).text
        page = admin.open(path(key=f"odd/{key}"))
        assert page.status_code == 200 and "3 bytes" in page.text and "<script>alert" not in page.text
        assert admin.open(path("object/download", key=f"odd/{key}")).content == b"odd"

    def test_of_a_bucket_that_is_not_there_is_a_sentence(self, admin: ConsoleVisitor) -> None:
        page = admin.open("/ui/buckets/no-such-bucket/objects")
        assert page.status_code == 404 and "does not exist" in page.text


class TestOneObject:
    def test_is_downloaded_from_the_store_under_its_own_name(
        self, admin: ConsoleVisitor, s3: Any, running: RunningServer
    ) -> None:
        s3.put_object(Bucket=BUCKET, Key="a/ü.html", Body=b"<script>", ContentType="text/html")
        page = admin.open(path("object/download", key="a/ü.html"))
        assert page.url.startswith(running.endpoint)
        assert page.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BC.html"
        assert page.headers["Content-Type"] == "application/octet-stream"

    def test_tags_and_metadata_are_saved(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="tagged", Body=b"x", Metadata={"river": "Elbe"})
        assert "river=Elbe" in admin.open(path(key="tagged")).text
        admin.submit("/object/tags", tags="project=gauges\nyear = 2026")
        tags = s3.get_object_tagging(Bucket=BUCKET, Key="tagged")["TagSet"]
        assert tags == [{"Key": "project", "Value": "gauges"}, {"Key": "year", "Value": "2026"}]
        admin.submit("/object/metadata", metadata="river=Oder", content_type="text/plain")
        facts = s3.head_object(Bucket=BUCKET, Key="tagged")
        assert (facts["Metadata"], facts["ContentType"]) == ({"river": "Oder"}, "text/plain")
        assert "project=gauges" in admin.text

    def test_a_line_that_is_no_pair_is_named(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="tagged", Body=b"x")
        admin.open(path(key="tagged"))
        page = admin.submit("/object/tags", tags="nonsense")
        assert page.status_code == 400 and "name=value: nonsense" in page.text

    def test_what_changed_meanwhile_is_not_overwritten(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="changing", Body=b"one")
        admin.open(path(key="changing"))
        s3.put_object(Bucket=BUCKET, Key="changing", Body=b"two")
        assert admin.submit("/object/metadata", metadata="a=b").status_code == 400
        assert s3.get_object(Bucket=BUCKET, Key="changing")["Body"].read() == b"two"

    def test_an_earlier_version_is_restored_and_a_deletion_undone(
        self, admin: ConsoleVisitor, s3: Any
    ) -> None:
        for body in (b"first", b"second"):
            s3.put_object(Bucket=BUCKET, Key="versioned", Body=body)
        page = admin.open(path(key="versioned")).text
        first = s3.list_object_versions(Bucket=BUCKET, Prefix="versioned")["Versions"][1]["VersionId"]
        assert first in page
        admin.submit("/object/restore", version=first)
        assert s3.get_object(Bucket=BUCKET, Key="versioned")["Body"].read() == b"first"
        s3.delete_object(Bucket=BUCKET, Key="versioned")
        assert "This object is deleted" in admin.open(path(key="versioned")).text
        admin.submit("/object/restore")
        assert s3.get_object(Bucket=BUCKET, Key="versioned")["Body"].read() == b"first"


class TestSharing:
    def test_a_link_works_for_everybody_until_it_ends(
        self, admin: ConsoleVisitor, s3: Any, running: RunningServer
    ) -> None:
        s3.put_object(Bucket=BUCKET, Key="shared", Body=b"for you")
        admin.open(path("object/share", key="shared"))
        page = admin.submit(method="GET", number="2", unit="hours").text
        url = page.split('id="link" readonly rows="4">')[1].split("<")[0].replace("&amp;", "&")
        assert url.startswith(running.endpoint) and "X-Amz-Expires=7200" in url and "<svg" in page
        assert requests.get(url, timeout=10).content == b"for you"

    def test_a_link_to_upload(self, admin: ConsoleVisitor, s3: Any) -> None:
        admin.open(path("object/share", key="wanted"))
        page = admin.submit(method="PUT", number="5", unit="minutes").text
        url = page.split('id="link" readonly rows="4">')[1].split("<")[0].replace("&amp;", "&")
        assert requests.put(url, data=b"here", timeout=10).status_code == 200
        assert s3.get_object(Bucket=BUCKET, Key="wanted")["Body"].read() == b"here"

    @pytest.mark.parametrize("number", ["0", "8", "-1", "x", "99999999999999999999"])
    def test_a_lifetime_that_cannot_be_is_refused(self, admin: ConsoleVisitor, s3: Any, number: str) -> None:
        s3.put_object(Bucket=BUCKET, Key="shared", Body=b"for you")
        admin.open(path("object/share", key="shared"))
        page = admin.submit(method="GET", number=number, unit="days")
        assert page.status_code == 400 and "at most 7 days" in page.text


class TestPreviews:
    def test_of_text_is_words(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="a.txt", Body="Über\n<b>".encode(), ContentType="text/plain")
        page = admin.open(path("object/preview", key="a.txt")).text
        assert "Über\n&lt;b&gt;" in page

    def test_of_a_large_file_is_its_beginning(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="long.log", Body=b"a line\n" * 100_000)
        page = admin.open(path("object/preview", key="long.log")).text
        assert "This is its beginning" in page and len(page) < 100_000

    def test_of_csv_is_a_table(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="a.csv", Body=b'gauge,level\n"Dresden, old",<i>\n')
        page = admin.open(path("object/preview", key="a.csv")).text
        assert '<th scope="col">gauge</th>' in page and "<td>Dresden, old</td><td>&lt;i&gt;</td>" in page

    def test_of_json_is_in_order(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="a.json", Body=b'{"a":{"b":1}}')
        assert "&#34;a&#34;: {\n    &#34;b&#34;: 1" in admin.open(path("object/preview", key="a.json")).text

    def test_of_a_zip_is_its_names_and_little_is_read(
        self, admin: ConsoleVisitor, s3: Any, running: RunningServer
    ) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("inside/large.bin", bytes(5_000_000))
            archive.writestr("<inside>.txt", b"x")
        s3.put_object(Bucket=BUCKET, Key="a.zip", Body=content.getvalue())
        running.requests.clear()
        page = admin.open(path("object/preview", key="a.zip")).text
        assert "inside/large.bin" in page and "&lt;inside&gt;.txt" in page
        assert sum(r.bytes_out for r in running.requests if r.operation == "GetObject") < 1_000_000

    @pytest.mark.parametrize("name", ["broken.zip", "a.bin"])
    def test_of_what_cannot_be_shown_is_a_sentence(self, admin: ConsoleVisitor, s3: Any, name: str) -> None:
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"PK\3\4\0\0 no archive")
        page = admin.open(path("object/preview", key=name))
        assert page.status_code == 200 and "<p>Th" in page.text

    @pytest.mark.parametrize("name", ["a.html", "a.svg"])
    def test_of_what_could_act_is_in_a_frame_that_may_do_nothing(
        self, admin: ConsoleVisitor, s3: Any, running: RunningServer, name: str
    ) -> None:
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"<script>alert(1)</script>")
        page = admin.open(path("object/preview", key=name)).text
        assert (
            f'<iframe class="preview" sandbox referrerpolicy="no-referrer" src="{running.endpoint}/' in page
        )


class TestChosen:
    def test_objects_and_folders_are_deleted_in_steps(
        self, admin: ConsoleVisitor, s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chosen, "STEP", 3)
        for number in range(5):
            s3.put_object(Bucket=BUCKET, Key=f"gone/all/{number}", Body=b"")
        for name in ("one", "kept"):
            s3.put_object(Bucket=BUCKET, Key=f"gone/{name}", Body=b"")
        admin.open(path("objects", prefix="gone/"))
        admin.page = admin.http.post(
            f"{admin.origin}/ui/buckets/{BUCKET}/chosen",
            data=[
                ("key", "f:gone/all/"),
                ("key", "o:gone/one"),
                ("what", "delete"),
                ("prefix", "gone/"),
                ("csrf_token", admin.token()),
            ],
            headers={"Origin": admin.origin},
        )
        assert "with everything in it" in admin.text and "6 objects in all" in admin.text
        page = admin.submit("/chosen/delete")
        steps = 1
        assert "3 of 6 objects so far" in page.text and 'max="6" value="3"' in page.text
        while "data-continues" in page.text:
            page = admin.submit("/chosen/delete")
            steps += 1
        assert "6 objects are deleted" in page.text and steps == 2
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="gone/")["Contents"]] == [
            "gone/kept"
        ]

    def test_selected_objects_are_copied_and_counted(
        self, admin: ConsoleVisitor, s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chosen, "STEP", 2)
        keys = [f"several/{number}" for number in range(5)]
        for key in keys:
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        ask(admin, "copy", *(f"o:{key}" for key in [*keys[:4], "several/gone"]))
        assert "5 objects in all" in admin.text
        told = []
        page = admin.submit("/chosen/copy", folder="copies")
        while "data-continues" in page.text:
            told.append(re.findall(r'role="status">(.*?)</p>', page.text)[0])
            page = admin.submit("/chosen/copy")
        assert told == ["2 of 5 objects so far.", "4 of 5 objects so far."]
        assert "1 object could not be done" in page.text and "4 of 5 objects" in page.text
        assert s3.list_objects_v2(Bucket=BUCKET, Prefix="copies/")["KeyCount"] == 4

    def test_too_many_are_not_counted_and_more_than_were_counted_are_no_failure(
        self, admin: ConsoleVisitor, s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chosen, "STEP", 2)
        monkeypatch.setattr(chosen, "COUNTED_LIMIT", 3)
        for number in range(5):
            s3.put_object(Bucket=BUCKET, Key=f"many/{number}", Body=b"x")
        ask(admin, "delete", "f:many/")
        assert "These objects are not counted" in admin.text
        page = admin.submit("/chosen/delete").text
        assert "2 objects so far" in page and '<progress aria-label="Progress"></progress>' in page
        s3.put_object(Bucket=BUCKET, Key="many/0", Body=b"x")
        monkeypatch.setattr(chosen, "COUNTED_LIMIT", 100)
        ask(admin, "delete", "f:many/")
        for name in ("x", "y", "z"):
            s3.put_object(Bucket=BUCKET, Key=f"many/{name}", Body=b"x")
        assert "2 of 4 objects so far" in admin.submit("/chosen/delete").text
        assert "4 of 4 objects so far" in admin.submit("/chosen/delete").text
        assert "6 objects so far" in admin.submit("/chosen/delete").text
        assert "7 objects are deleted" in admin.submit("/chosen/delete").text

    def test_a_folder_is_copied(self, admin: ConsoleVisitor, s3: Any) -> None:
        for number in range(3):
            s3.put_object(Bucket=BUCKET, Key=f"from/{number}", Body=b"%d" % number)
        admin.open(path("objects"))
        admin.page = admin.http.post(
            f"{admin.origin}/ui/buckets/{BUCKET}/chosen",
            data=[("key", "f:from/"), ("what", "copy"), ("prefix", ""), ("csrf_token", admin.token())],
            headers={"Origin": admin.origin},
        )
        admin.submit("/chosen/copy", folder="to")
        assert s3.get_object(Bucket=BUCKET, Key="to/from/2")["Body"].read() == b"2"

    def test_a_folder_is_not_copied_into_itself(self, admin: ConsoleVisitor, s3: Any) -> None:
        s3.put_object(Bucket=BUCKET, Key="from/0", Body=b"0")
        admin.open(path("objects"))
        answer = admin.http.post(
            f"{admin.origin}/ui/buckets/{BUCKET}/chosen/copy",
            data={"key": "f:from/", "target": BUCKET, "folder": "from/x", "csrf_token": admin.token()},
            headers={"Origin": admin.origin},
        )
        assert answer.status_code == 400 and "into itself" in answer.text


def test_unfinished_uploads_are_shown_with_what_they_hold_and_removed(admin: ConsoleVisitor, s3: Any) -> None:
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key="half")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="half", UploadId=begun, PartNumber=1, Body=b"x" * 7000)
    page = admin.open(path("uploads")).text
    assert "half" in page and "7 kB" in page
    assert "is removed" in admin.submit("/uploads/abort").text
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
