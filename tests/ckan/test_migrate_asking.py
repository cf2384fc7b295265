"""Files that an administrator's command brings go through other extensions and the scanner, too."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callers import Caller
from clamd_server import Clamd
from example_plugin import ExamplePlugin
from loaded_plugins import loaded
from migrated_files import Migration, row_of

from ckanext.s3multipart.scanning.eicar import EICAR
from ckanext.s3multipart.settings import portal_store

Setting = Callable[[str, object], None]


@pytest.fixture
def example() -> Iterator[ExamplePlugin]:
    with loaded(example=ExamplePlugin) as (plugin,):
        plugin.calls.clear()
        yield plugin


@pytest.fixture
def migration(cli, tmp_path: Path) -> Migration:
    return Migration(cli, tmp_path / "mapping.jsonl")


def linked(publisher: Caller, name: str, content: bytes = b"1,2") -> dict:
    """A resource with the plain URL of an object, as the old extension left it."""
    store, key = portal_store(), f"{publisher.dataset}/{name}"
    store.client().put_object(Bucket=store.bucket, Key=key, Body=content)
    url = f"{store.settings.s3_endpoint}/{store.bucket}/{key}"
    return publisher.do("resource_create", package_id=publisher.dataset, url=url, name=name)


def move(migration: Migration, publisher: Caller, resources: list[dict], *options: str) -> str:
    """Copies or adopts those that are listed, and applies what was possible; some are not."""
    listed = migration.mapping.with_name("list.txt")
    lines = [f"{resource['id']} {publisher.dataset}/{resource['name']}\n" for resource in resources]
    listed.write_text("".join(lines))
    said = migration.run("copy", "--from", "links", "--list", str(listed), *options, fails=True)
    migration.run("apply")
    return said


@pytest.mark.parametrize("options", [(), ("--adopt",)], ids=["copied", "adopted"])
def test_other_extensions_are_asked_and_told(
    migration: Migration, publisher: Caller, example: ExamplePlugin, options: tuple[str, ...]
) -> None:
    good, program, broken = (linked(publisher, name) for name in ("good.raw", "setup.exe", "broken.csv"))

    said = move(migration, publisher, [good, program, broken], *options)

    assert "Programs are not accepted here" in said
    assert "broken.csv cannot be read" in said
    assert row_of(program) is None
    assert row_of(broken) is None
    assert {wanted.way for wanted in example.of("before_create")} == {"migration"}
    assert [file.resource_id for file in example.of("after_attach")] == [good["id"]]
    key = row_of(good).key
    assert key == f"{publisher.dataset}/good.raw" if options else key.startswith("raw-data/2026/")


@pytest.mark.parametrize("options", [(), ("--adopt",)], ids=["copied", "adopted"])
def test_files_are_scanned(
    migration: Migration,
    publisher: Caller,
    setting: Setting,
    tmp_path_factory: pytest.TempPathFactory,
    options: tuple[str, ...],
) -> None:
    good, infected = linked(publisher, "good.csv"), linked(publisher, "virus.com", EICAR)
    with Clamd(tmp_path_factory.mktemp("clamd")) as clamd:
        setting("scan", clamd.address)
        said = move(migration, publisher, [good, infected], *options)

    assert "found Eicar-Test-Signature" in said
    assert row_of(good) is not None
    assert row_of(infected) is None
