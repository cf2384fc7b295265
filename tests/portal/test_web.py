"""The shared web folders are found in a checkout and in an installed package."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import s3portal
from s3portal.portal import web


def test_a_checkout_has_them_at_its_top() -> None:
    assert (web.web_folder("js") / "src" / "core" / "upload.js").is_file()
    assert (web.web_folder("templates") / "s3portal" / "uploader.html").is_file()


def test_the_package_that_an_installation_has_them_in_is_the_whole_of_s3portal() -> None:
    assert Path(s3portal.__file__).resolve().parent == web._PACKAGE


def test_an_installed_package_has_them_inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s3portal" / "js").mkdir(parents=True)
    monkeypatch.setattr(web, "_PACKAGE", tmp_path / "s3portal")
    assert web.web_folder("js") == tmp_path / "s3portal" / "js"


def test_a_broken_installation_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(web, "_PACKAGE", tmp_path / "s3portal")
    with pytest.raises(FileNotFoundError, match="install it again"):
        web.web_folder("js")


class TestTheScriptOfAPage:
    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
        """An installed package with the uploader's modules; its folder ``js``."""
        js = tmp_path / "s3portal" / "js"
        shutil.copytree(web.web_folder("js") / "src", js / "src")
        monkeypatch.setattr(web, "_PACKAGE", js.parent)
        _forget()
        yield js
        _forget()

    def test_in_a_checkout_it_is_the_modules_as_they_are(self) -> None:
        script = web.script_of("ckan/form")

        assert script.path == script.modules[0] == "src/ckan/form.js"
        assert "src/core/upload.js" in script.modules
        assert len(script.modules) > 40

    def test_in_an_installed_package_it_is_one_bundle(self, installed: Path) -> None:
        (installed / "dist").mkdir()
        (installed / "dist" / "ckan-form.js").touch()

        assert web.script_of("ckan/form") == web.Script("dist/ckan-form.js", ("dist/ckan-form.js",))

    def test_without_the_bundle_it_is_the_modules(self, installed: Path) -> None:
        assert web.script_of("indico/materials").path == "src/indico/materials.js"

    def test_bundles_that_lie_in_a_checkout_are_not_taken_for_what_the_modules_are_now(
        self, installed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (installed / "dist").mkdir()
        (installed / "dist" / "ckan-form.js").touch()
        # The folder js stands beside the package then, not in it.
        monkeypatch.setattr(web, "_PACKAGE", installed.parent / "s3portal")

        assert web.script_of("ckan/form").path == "src/ckan/form.js"


class TestHeaders:
    def test_a_bundle_says_where_its_source_map_is(self) -> None:
        headers = web.web_headers("dist/ckan-form.js", web.web_version())

        assert headers is not None
        assert headers["SourceMap"] == "ckan-form.js.map"

    def test_a_module_has_no_source_map(self) -> None:
        headers = web.web_headers("src/ckan/form.js", web.web_version())

        assert headers is not None
        assert "SourceMap" not in headers

    @pytest.mark.parametrize(
        "path", ["package.json", "build.mjs", "node_modules/x/x.js", "types/x.js", "src"]
    )
    def test_nothing_else_than_the_uploader_is_served(self, path: str) -> None:
        assert web.web_headers(path, web.web_version()) is None


def _forget() -> None:
    """What is remembered of the package that was there before."""
    for remembered in (web.script_of, web.module_graph, web.web_version):
        remembered.cache_clear()
