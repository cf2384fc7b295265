"""What the sdist and the wheel hold, and what they say of themselves."""

import ast
import email
import re
import tarfile
import zipfile
from collections import Counter
from email.message import Message
from pathlib import Path

import pytest
from packaged import CHECKOUT, files_of_checkout

PACKAGES = ("s3portal/", "ckanext/", "indico_plugin/")


@pytest.fixture(scope="module")
def in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_has_every_file_of_the_packages(in_wheel: set[str]) -> None:
    wanted = {name for name in files_of_checkout() if name.startswith(PACKAGES)}
    assert {"s3portal/py.typed", "ckanext/s3multipart/config_declaration.yaml"} < wanted
    assert wanted - in_wheel == set()


def test_the_wheel_has_the_web_folders_inside_the_package(in_wheel: set[str]) -> None:
    suffixes = (".js", ".css", ".html")
    web = {n for n in files_of_checkout() if n.startswith(("js/", "templates/")) and n.endswith(suffixes)}
    assert {"js/uploader.css", "templates/s3portal/uploader.html"} < web
    assert {f"s3portal/{name}" for name in web} - in_wheel == set()


def test_the_uploaders_bundles_are_in_the_sdist_and_in_the_wheel_built_from_it(
    sdist: Path, in_wheel: set[str]
) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    bundles = {name for name in names if name.startswith("js/dist/") and name.endswith(".js")}
    assert len(bundles) > 1
    assert {f"s3portal/{name}" for name in bundles} - in_wheel == set()


def test_the_wheel_installs_no_other_top_level_name(in_wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"s3portal", "ckanext", "indico_plugin"}
    # The namespace is CKAN's: a file here would hide CKAN's own.
    assert "ckanext/__init__.py" not in in_wheel


def test_the_sdist_has_all_that_a_build_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    built_from = (*PACKAGES, "js/", "templates/")
    wanted = {name for name in files_of_checkout() if name.startswith(built_from)}
    assert wanted - names == set()
    assert {"setup.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"} <= names


def test_nothing_is_required_twice(metadata: Message) -> None:
    required = Counter(metadata.get_all("Requires-Dist"))
    assert len(required) > 10
    assert [requirement for requirement, count in required.items() if count > 1] == []


def test_the_classifiers_name_the_pythons_that_bin_demo_takes(metadata: Message) -> None:
    source = ast.parse((CHECKOUT / "s3portal/demo/interpreter.py").read_text("utf-8"))
    (value,) = (
        node.value
        for node in source.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SUPPORTED"
    )
    prefix = "Programming Language :: Python :: "
    named = {c.removeprefix(prefix) for c in metadata.get_all("Classifier") if c.startswith(f"{prefix}3.")}
    assert named == {f"{major}.{minor}" for major, minor in ast.literal_eval(value)}


def test_the_wheel_has_a_bundle_for_each_page_with_its_source_map(in_wheel: set[str]) -> None:
    bundles = {"core", "checksum-worker", "ckan-form", "indico-materials"}
    wanted = {f"s3portal/js/dist/{name}.js{suffix}" for name in bundles for suffix in ("", ".map")}
    assert wanted - in_wheel == set()


def test_the_sdist_has_the_bundles_so_that_building_from_it_needs_no_node(sdist: Path, wheel: Path) -> None:
    with tarfile.open(sdist) as archive:
        (name,) = (name for name in archive.getnames() if name.endswith("js/dist/ckan-form.js"))
        member = archive.extractfile(name)
        assert member is not None
        in_sdist = member.read()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("s3portal/js/dist/ckan-form.js") == in_sdist


def test_what_builds_the_bundles_is_what_their_tests_have() -> None:
    [required] = re.findall(r'^NODE_REQUIREMENT = "(.+)"', _text("build_web.py"), re.MULTILINE)
    [esbuild] = re.findall(r'"esbuild": "(.+)"', _text("js/package.json"))
    assert required in _text("requirements/js.txt").split("\n")
    assert required in _text("requirements/browser.txt").split("\n")
    assert f"esbuild@{esbuild}" in _text("requirements/js-types.txt").split()


def _text(name: str) -> str:
    return (CHECKOUT / name).read_text("utf-8")
