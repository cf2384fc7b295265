"""The documents say what there is: every setting, every action, every link."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *CHECKOUT.glob("*.md"),
        *(CHECKOUT / "docs").glob("*.md"),
        CHECKOUT / "benchmarks" / "README.md",
        *(CHECKOUT / ".github").rglob("*.md"),
    ]
)
#: Pages that lead people through the code. CHANGELOG.md names what once was.
ABOUT_THE_CODE = [
    page for page in PAGES if page.name in ("README.md", "architecture.md", "contributing.md", "SECURITY.md")
]
ROOMS = (
    "s3portal",
    "ckanext",
    "indico_plugin",
    "js",
    "templates",
    "tests",
    "benchmarks",
    "docs",
    "requirements",
)


def name_of(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose)
    files = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in files if not (page.parent / target).exists()] == []


def sections_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
    shown = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in shown}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_sections_lead_to_one(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^):#]*)#([^)]+)\)", prose)
    pages = [((page.parent / name).resolve() if name else page, section) for name, section in links]
    assert [(to.name, section) for to, section in pages if section not in sections_of(to)] == []


def test_the_settings_of_the_ckan_extension_are_described_as_they_are_declared() -> None:
    """If not: bin/settings"""
    run = subprocess.run(
        [sys.executable, CHECKOUT / "bin" / "settings", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    page = (CHECKOUT / "docs/ckan.md").read_text("utf-8")
    declared = (CHECKOUT / "ckanext/s3multipart/config_declaration.yaml").read_text("utf-8")
    names = re.findall(r"key: ckanext\.s3multipart\.(\w+)", declared)
    assert len(names) > 20
    assert [name for name in names if f"\n| `{name}` | " not in page] == []


def test_every_action_is_documented() -> None:
    actions = (CHECKOUT / "ckanext/s3multipart/uploads/actions.py").read_text("utf-8")
    names = set(re.findall(r"\"(s3multipart_\w+)\": ", actions))
    page = (CHECKOUT / "docs/http-api.md").read_text("utf-8")
    assert len(names) == 7
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_room_is_drawn_and_every_suite_is_named() -> None:
    """On the page that says how the parts fit, and on the one that says where to look."""
    drawn = (CHECKOUT / "docs/architecture.md").read_text("utf-8")
    rooms = (*folders_in("s3portal"), *folders_in("s3portal/server"), *folders_in("ckanext/s3multipart"))
    assert [room for room in rooms if not re.search(rf"(?<![a-z]){room.name}/", drawn)] == []
    named = (CHECKOUT / "docs/contributing.md").read_text("utf-8")
    told = (*folders_in("s3portal"), *folders_in("tests"))
    assert [folder for folder in told if f"{folder.relative_to(CHECKOUT)}/" not in named] == []


def folders_in(folder: str) -> list[Path]:
    """The folders with code in them."""
    return sorted({path.parent for path in (CHECKOUT / folder).glob("*/*") if path.suffix in (".py", ".js")})


@pytest.mark.parametrize("page", ABOUT_THE_CODE, ids=name_of)
def test_files_and_folders_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(rf"(?<![\w./-])((?:{'|'.join(ROOMS)})/[\w./-]*[\w/])", text))
    assert [path for path in sorted(named) if not (CHECKOUT / path).exists()] == []


@pytest.mark.parametrize(
    ("heading", "house"),
    [("### Inside the CKAN extension", "ckanext/s3multipart"), ("### Inside the server", "s3portal/server")],
)
def test_the_rooms_of_a_house_are_drawn_as_they_are(heading: str, house: str) -> None:
    page = (CHECKOUT / "docs" / "architecture.md").read_text("utf-8")
    drawing = page.split(heading)[1].split("```")[1]
    drawn = set(re.findall(r"^ +(?:.*[├└]─ )?(\w+)/", drawing, re.MULTILINE))
    drawn |= set(re.findall(r"├─ (\w+)/", drawing))
    assert drawn == {room.parent.name for room in (CHECKOUT / house).glob("*/__init__.py")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_suites_that_are_named_exist(page: Path, bin_test: ModuleType) -> None:
    """As in ``bin/test core``; core-3.13 stands for the Pythons of a machine."""
    there_are = {*bin_test.SUITES, *bin_test.BY_NAME, "quick"}
    named = set(re.findall(r"bin/test ([a-z][\w.-]*\w)", page.read_text("utf-8")))
    assert {name for name in named if not re.fullmatch(r"core-3\.\d+", name)} - there_are == set()


def test_programs_of_the_checkout_that_are_named_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"(?<![\w./-])bin/(\w+)", page.read_text("utf-8"))}
    assert {"demo", "test", "translations"} <= named
    assert {name for name in named if not (CHECKOUT / "bin" / name).exists()} == set()


def test_the_hooks_run_the_tools_that_are_pinned() -> None:
    hooks = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    pinned = re.findall(r"^([\w-]+)==", (CHECKOUT / "dev-requirements.txt").read_text("utf-8"), re.MULTILINE)
    tools = {hook["entry"].split()[0].removeprefix(".nox/lint/bin/") for hook in hooks}
    assert tools == {"ruff", "mypy", "lint-imports"}
    assert {"ruff", "mypy", "import-linter"} <= set(pinned)


@pytest.mark.parametrize("name", ["bug.yml", "idea.yml"])
def test_a_form_for_issues_can_be_filled_in(name: str) -> None:
    form = yaml.safe_load((CHECKOUT / ".github" / "ISSUE_TEMPLATE" / name).read_text("utf-8"))
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert form["name"] and form["description"]
    assert {field["type"] for field in fields} <= {"dropdown", "input", "textarea"}
    assert len({field["id"] for field in fields}) == len(fields) > 2
    assert all(field["attributes"]["label"] for field in fields)
