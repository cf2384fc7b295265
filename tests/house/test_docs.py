"""The documents say what there is: every setting, every action, every link."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    files = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in files if not (page.parent / target).exists()] == []


def test_every_setting_of_the_ckan_extension_is_documented() -> None:
    declared = (CHECKOUT / "ckanext/s3multipart/config_declaration.yaml").read_text("utf-8")
    names = re.findall(r"key: ckanext\.s3multipart\.(\w+)", declared)
    documented = set(re.findall(r"`(\w+)`", (CHECKOUT / "docs/ckan.md").read_text("utf-8")))
    assert len(names) > 20
    assert [name for name in names if name not in documented] == []


def test_every_action_is_documented() -> None:
    actions = (CHECKOUT / "ckanext/s3multipart/actions.py").read_text("utf-8")
    names = set(re.findall(r"\"(s3multipart_\w+)\": ", actions))
    page = (CHECKOUT / "docs/http-api.md").read_text("utf-8")
    assert len(names) == 7
    assert [name for name in names if f"`{name}`" not in page] == []
