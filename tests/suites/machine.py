"""What the suites need of the machine beyond Python: PostgreSQL, nginx, browsers. Root gets them from apt."""

import os
import shutil
from pathlib import Path

import nox
from nox.command import CommandFailed
from pythons import did_not_run

#: clamd, and of what it needs what no machine has anyway.
_CLAMD = ("clamav-daemon", "libclamav12", "libjson-c5", "libmspack0")


def postgresql_for_indico(session: nox.Session) -> dict[str, str]:
    """A PostgreSQL with the extensions that Indico needs, which no wheel has: this machine's, the one that
    S3PORTAL_TEST_POSTGRESQL names, or one from apt.
    """
    if missing := missing_postgresql():
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            did_not_run(
                session,
                "it needs PostgreSQL and libpq-dev, as in `apt-get install postgresql libpq-dev`,"
                " or S3PORTAL_TEST_POSTGRESQL=postgresql://superuser@host",
            )
        apt_install(session, *missing)
    named = os.environ.get("S3PORTAL_TEST_POSTGRESQL")
    return {"S3PORTAL_TEST_POSTGRESQL": named} if named else {}


def missing_postgresql() -> tuple[str, ...]:
    """The packages of PostgreSQL that Indico's tests need and this machine lacks."""
    if os.environ.get("S3PORTAL_TEST_POSTGRESQL"):
        return ()
    if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) and shutil.which("pg_config"):
        return ()
    return ("postgresql", "libpq-dev")


def nginx_on_path(session: nox.Session) -> dict[str, str]:
    """The PATH with nginx on it, from apt where there is none; its test says so where it cannot be had."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not shutil.which("nginx", path=path) and os.geteuid() == 0 and shutil.which("apt-get"):
        apt_install(session, "nginx-light")
    return {"PATH": path}


def clamd(session: nox.Session) -> str:
    """The path of clamd: the one named, the system's, else Debian's, unpacked beside the environment and not
    installed, so that no service starts; "" where none can be had, which its tests say then."""
    named = os.environ.get("S3PORTAL_CLAMD") or shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    if named or not shutil.which("apt-get"):
        return named or ""
    folder = Path(session.virtualenv.location).with_name("clamd").resolve()
    program = folder / "usr" / "sbin" / "clamd"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if os.geteuid() == 0:
                session.run("apt-get", "update", "-qq", "-o", "DPkg::Lock::Timeout=600", external=True)
            with session.chdir(folder):
                session.run("apt-get", "download", "-qq", *_CLAMD, external=True)
                for package in sorted(folder.glob("*.deb")):
                    session.run("dpkg", "-x", package.name, ".", external=True)
        except CommandFailed:
            session.warn("apt-get has no clamd: NO FILE IS CHECKED FOR VIRUSES")
    return str(program) if program.exists() else ""


def rclone(session: nox.Session) -> str:
    """The path of rclone: the system's, else one from apt."""
    if not shutil.which("rclone"):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            session.error("This suite needs rclone")
        apt_install(session, "--no-install-recommends", "rclone")
    installed = shutil.which("rclone")
    assert installed, "apt has just installed it"
    return installed


def apt_install(session: nox.Session, *packages: str) -> None:
    """Installs packages of the system, without their services being started."""
    # Another suite may be installing something just now.
    patient = ("-o", "DPkg::Lock::Timeout=600")
    session.run("apt-get", "update", "-qq", *patient, external=True)
    session.run(
        "apt-get", "install", "-y", "-qq", *patient, *packages, external=True,
        env={"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"},
    )  # fmt: skip


def chromium(session: nox.Session) -> str:
    """The path of a Chromium: the one named, the system's, else one from apt, else Playwright's own."""
    named = os.environ.get("S3PORTAL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if named:
        return named
    session.log("No Chromium on this machine: getting one")
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt_install(session, "chromium")
        return shutil.which("chromium") or session.error("apt-get installed no chromium")
    session.run("python", "-m", "playwright", "install", "chromium")
    ask = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    return str(session.run("python", "-c", ask, silent=True)).strip()


def firefox(session: nox.Session) -> str:
    """The path of a Firefox: the one named, the system's, else Debian's; "" where none can be had, which its
    test says then."""
    named = os.environ.get("S3PORTAL_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if not named and os.geteuid() == 0 and shutil.which("apt-get"):
        session.log("No Firefox on this machine: getting one")
        try:
            apt_install(session, "firefox-esr")
        except CommandFailed:
            session.warn("apt-get has no firefox-esr: THE UPLOADER IS NOT TRIED IN FIREFOX")
        named = shutil.which("firefox-esr")
    return named or ""
