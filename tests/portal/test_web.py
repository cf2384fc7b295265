"""The shared web folders are found in a checkout and in an installed package."""

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
