"""What the tests of migrations share: a publisher with files that CKAN itself stores, and the commands."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from callers import Caller
from ckan import model

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import UploadRow, attached_upload
from ckanext.s3multipart.settings import portal_store

#: Three parts.
LARGE = os.urandom(12 * 1024 * 1024)


@dataclass(frozen=True)
class Migration:
    """The commands, with a mapping file of their own."""

    cli: Any
    mapping: Path

    def run(self, command: str, *options: str, fails: bool = False) -> str:
        """Runs a command; returns all that it said."""
        model.Session.remove()
        said = self.cli.invoke(s3multipart, ["migrate", command, *options, str(self.mapping)])
        assert said.exit_code == int(fails), said.output + repr(said.exception)
        return str(said.output)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.mapping.read_text().splitlines()]


@pytest.fixture
def storage(ckan_config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """CKAN's own storage, with no file of another test."""
    monkeypatch.setitem(ckan_config, "ckan.storage_path", str(tmp_path))
    return tmp_path


@pytest.fixture
def migration(cli, storage: Path) -> Iterator[Migration]:
    """The commands; only this test's resources are uploads of CKAN's."""
    resources = model.resource_table
    others = model.Session.query(model.Resource.id).filter_by(url_type="upload", state="active").all()
    model.Session.execute(
        resources.update().where(resources.c.id.in_([each.id for each in others])).values(state="x")
    )
    model.Session.commit()
    yield Migration(cli, storage / "mapping.jsonl")
    model.Session.rollback()
    model.Session.execute(resources.update().where(resources.c.state == "x").values(state="active"))
    model.Session.commit()


def path_of(folder: Path, resource: dict[str, Any]) -> Path:
    """Where CKAN has the resource's file."""
    resource_id = resource["id"]
    return folder / "resources" / resource_id[:3] / resource_id[3:6] / resource_id[6:]


def row_of(resource: dict[str, Any]) -> UploadRow | None:
    """The upload that is the resource's file."""
    model.Session.rollback()
    model.Session.expire_all()
    return attached_upload(resource["id"])


def object_of(row: UploadRow) -> bytes:
    """What the store has."""
    store = portal_store()
    return bytes(store.client().get_object(Bucket=store.bucket, Key=row.key)["Body"].read())


def download(caller: Caller, resource: dict[str, Any]) -> bytes:
    """What a reader gets at the resource's link, from CKAN or from the store."""
    link = (
        f"/dataset/{caller.dataset}/resource/{resource['id']}/download/{resource['url'].rsplit('/', 1)[-1]}"
    )
    answer = caller.get(link)
    return bytes(caller.follow(link).content if answer.status_code == 302 else answer.get_data())
