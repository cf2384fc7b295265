"""CKAN with the extension under load: many uploads at once, requests to CKAN per GiB, redirects a second.

    .nox/ckan-2-12/bin/python benchmarks/ckan.py [--workers 4] [--uploads 200] [--users 50] [--mib 6]

PostgreSQL, Redis, the S3 server and the workers run on this machine, and so does everyone who calls them; the
workers are forked from one process that has loaded CKAN, and share a port, as under uWSGI and gunicorn.
Prints

- how many of the uploads failed (the exit code is 1 if one did), how long they took, and what CKAN answered;
- how many requests a file of 1 GiB and one of 4 GiB cost CKAN;
- redirects of persistent links a second, with statistics and without, beside CKAN's own redirect of a link
  and its own download of a small file.
"""

import argparse
import collections
import concurrent.futures
import gc
import http.client
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pylibmagic  # noqa: F401  (before CKAN, which loads the library through python-magic)
import requests
import sqlalchemy

from s3portal.client.ckan import CkanPortal
from s3portal.client.errors import UploadFailed
from s3portal.client.publishing import Target, publish_file
from s3portal.demo.ckan import Ckan
from s3portal.demo.configuration import write_ckan_ini
from s3portal.demo.people import ADMIN, ORGANISATION
from s3portal.demo.portal import Portal
from s3portal.demo.process import Child

MIB = 1024 * 1024
EVERYBODY = {"ckanext.s3multipart.enabled_orgs": "*"}
THREADS = 8
#: Every worker loads what it needs with the first requests that reach it.
WARM_UP_S = 3
#: A line of the access log: method, path, status.
LINE = re.compile(r"\[s3portal\.demo\.access\] (\w+) (\S+) (\d+) ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--mib", type=int, default=6, help="size of each of the uploads")
    parser.add_argument("--gib", type=float, nargs="*", default=[1, 4], help="sizes for the requests per GiB")
    parser.add_argument("--seconds", type=float, default=10, help="how long redirects are followed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ckan-load-") as folder, running(Path(folder), given) as site:
        failed = measure_uploads(site, given)
        for size in given.gib:
            measure_requests(site, size)
        measure_redirects(site, given.seconds)
    sys.exit(1 if failed else 0)


class Workers(Ckan):
    """CKAN as in the demo, in several processes that share a port."""

    def __init__(self, portal: Portal, number: int, users: int, settings: dict[str, str]) -> None:
        super().__init__(
            portal.ckan.folder,
            portal.ckan.port,
            database_url=portal.postgres.url(),
            redis_url=portal.redis.url,
            settings={**portal.s3.ckan_settings(), **EVERYBODY, **settings},
        )
        self.number, self._users = number, users

    @property
    def people_file(self) -> Path:
        return self.folder / "people.json"

    def _spawn(self) -> Child:
        write_ckan_ini(self.ini, self._configuration)
        command = [sys.executable, __file__, "--serve", self.ini, str(self.port), str(self.number)]
        return Child(self.name, [*command, str(self._users), self.people_file], log=self.log)

    def _answers(self) -> bool:
        return self.people_file.exists() and super()._answers()

    def processes(self) -> list[psutil.Process]:
        """The workers, without the one that they were forked from."""
        return psutil.Process(self.pid).children()


@dataclass
class Site:
    """The running portal. ``people`` have an API token and a dataset each."""

    portal: Portal
    workers: Workers
    people: list[dict[str, str]]
    file: Path
    read_to: int = field(default=0)

    def new_lines(self) -> list[tuple[str, str, int]]:
        """What CKAN was asked since the last call: method, path, status."""
        with self.workers.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self.read_to)
            text = log.read()
            self.read_to = log.tell()
        return [(method, path, int(status)) for method, path, status in LINE.findall(text)]


@contextmanager
def running(folder: Path, given: argparse.Namespace) -> Iterator[Site]:
    """Everything that is needed, from nothing."""
    portal = Portal(folder / "portal", ckan_settings=EVERYBODY)
    try:
        portal.start()
        # It has made the tables and the first data.
        portal.ckan.stop()
        with workers_of(portal, given.workers, given.users, {}) as workers:
            people = json.loads(workers.people_file.read_text("utf-8"))
            yield Site(portal, workers, people, folder / "file")
    finally:
        portal.stop()


@contextmanager
def workers_of(portal: Portal, number: int, users: int, settings: dict[str, str]) -> Iterator[Workers]:
    """So many workers, in which so many people are known."""
    workers = Workers(portal, number, users, settings)
    workers.people_file.unlink(missing_ok=True)
    try:
        yield workers.start()
    finally:
        workers.stop()


def measure_uploads(site: Site, given: argparse.Namespace) -> int:
    """All at once; returns how many failed."""
    write_file(site.file, given.mib * MIB)
    together = threading.Barrier(given.uploads)
    failures: list[str] = []
    waits = collections.Counter[str]()

    def publish(number: int) -> float:
        person = site.people[number % len(site.people)]
        client = CkanPortal(
            site.portal.url, person["token"], waiting=lambda error, _: waits.update([error.code])
        )
        # As many files of one name would be one that is already there.
        path = site.file.with_name(f"file-{number}")
        path.symlink_to(site.file)
        together.wait()
        started = time.monotonic()
        try:
            publish_file(client, path, Target(person["dataset"], name=path.name))
        except UploadFailed as error:
            failures.append(str(error))
        return time.monotonic() - started

    site.new_lines()
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(given.uploads) as pool:
        seconds = sorted(pool.map(publish, range(given.uploads)))
    elapsed = time.monotonic() - started
    lines = site.new_lines()
    statuses = collections.Counter(status for _, _, status in lines)
    memory = max(process.memory_info().rss for process in site.workers.processes()) / MIB
    print(f"{given.uploads} uploads of {given.mib} MiB at once, {given.users} users, {given.workers} workers")
    print(f"  failed {len(failures)}, {elapsed:.0f} s, {given.uploads / elapsed:.1f} a second,"
          f" median {seconds[len(seconds) // 2]:.0f} s, slowest {seconds[-1]:.0f} s")  # fmt: skip
    print(f"  requests to CKAN {len(lines)}, by status {dict(sorted(statuses.items()))}")
    print(f"  asked to wait {dict(waits)}; largest worker {memory:.0f} MiB")
    for failure in failures[:5]:
        print(f"  {failure}")
    return len(failures)


def measure_requests(site: Site, gib: float) -> None:
    """What one file costs CKAN."""
    write_file(site.file, int(gib * 1024) * MIB)
    person = site.people[0]
    site.new_lines()
    publish_file(
        CkanPortal(site.portal.url, person["token"]), site.file, Target(person["dataset"], name=f"{gib} GiB")
    )
    asked = collections.Counter(path.rpartition("/")[2] for _, path, _ in site.new_lines())
    total = sum(asked.values())
    print(
        f"{gib:g} GiB by `s3portal upload`: {total} requests to CKAN, {total / gib:.1f} per GiB; "
        f"{dict(asked)}"
    )


def measure_redirects(site: Site, seconds: float) -> None:
    """Links to the same small content: ours, with statistics and without, and CKAN's."""
    write_file(site.file, 1000)
    person = site.people[0]
    portal = CkanPortal(site.portal.url, person["token"])
    ours = publish_file(portal, site.file, Target(person["dataset"], name="ours")).url
    link = portal.call(
        "resource_create", package_id=person["dataset"], name="link", url="http://127.0.0.1:9/file"
    )
    links = {
        "ours": urlsplit(ours).path,
        "CKAN's own, of a link": f"/dataset/{person['dataset']}/resource/{link['id']}/download",
        "CKAN's own, of a file": urlsplit(by_ckan(site, person)).path,
    }
    figures: dict[str, tuple[float, float]] = {}
    for name in ("CKAN's own, of a link", "CKAN's own, of a file", "ours"):
        key = "ours, with statistics" if name == "ours" else name
        figures[key] = followed(site, links[name], seconds)
    site.workers.stop()
    without = {"ckanext.s3multipart.count_downloads": "false"}
    with workers_of(site.portal, site.workers.number, 0, without) as workers:
        site.workers = workers
        figures["ours, without statistics"] = followed(site, links["ours"], seconds)
    peer = figures["CKAN's own, of a link"]
    print("redirects                     a second   CPU each   CPU beside CKAN's own redirect")
    for name, (rate, cpu_s) in figures.items():
        print(f"  {name:27} {rate:8.0f}   {cpu_s * 1000:5.1f} ms   {cpu_s / peer[1]:.2f}")


def by_ckan(site: Site, person: dict[str, str]) -> str:
    """A resource whose file CKAN itself stores; its link."""
    with site.file.open("rb") as file:
        answer = requests.post(
            f"{site.portal.url}/api/3/action/resource_create",
            data={"package_id": person["dataset"], "name": "stored by CKAN"},
            files={"upload": ("file", file)},
            headers={"Authorization": person["token"]},
            timeout=60,
        )
    return str(answer.json()["result"]["url"])


def followed(site: Site, path: str, seconds: float) -> tuple[float, float]:
    """How many of these requests are answered in a second, and how much CPU of the workers each takes."""
    host, port = site.portal.ckan.host, site.portal.ckan.port
    processes = site.workers.processes()
    counts = [0] * (2 * len(processes))
    stop = threading.Event()

    def follow(slot: int) -> None:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        while not stop.is_set():
            # A repeat by the same address and program would be the same download.
            agent = f"Mozilla/5.0 (X11; Linux x86_64; rv:{slot}) Firefox/{counts[slot]}"
            connection.request("GET", path, headers={"User-Agent": agent})
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 302), answer.status
            counts[slot] += 1

    def cpu_s() -> float:
        times = [process.cpu_times() for process in processes]
        return sum(each.user + each.system for each in times)

    threads = [threading.Thread(target=follow, args=(slot,)) for slot in range(len(counts))]
    for thread in threads:
        thread.start()
    time.sleep(WARM_UP_S)
    answered, used, started = sum(counts), cpu_s(), time.monotonic()
    time.sleep(seconds)
    answered, used, elapsed = sum(counts) - answered, cpu_s() - used, time.monotonic() - started
    stop.set()
    for thread in threads:
        thread.join()
    return answered / elapsed, used / answered


def write_file(path: Path, size_bytes: int) -> None:
    """Random bytes, so that nothing can be compressed or told apart."""
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(size_bytes // MIB):
            file.write(block)
        file.write(block[: size_bytes % MIB])


def serve(ini: str, port: str, workers: str, users: str, people_file: str) -> None:
    """The process that loads CKAN, makes people, and forks the workers."""
    # Python looks beside this file first, where CKAN is this file.
    sys.path.remove(str(Path(__file__).resolve().parent))
    from ckan import model
    from ckan.cli import load_config
    from ckan.config.middleware import make_app

    from s3portal.demo.ckan_process import configure_logging, with_access_log

    app = make_app(load_config(ini))
    configure_logging(Path(ini))
    with app._wsgi_app.test_request_context():
        people = [make_person(number) for number in range(int(users))]
    model.Session.remove()
    # CKAN's connections, and those of the search beside it, are no use to two processes.
    for engine in [each for each in gc.get_objects() if isinstance(each, sqlalchemy.engine.Engine)]:
        engine.dispose()
    children = [fork(lambda: serve_app(with_access_log(app), int(port))) for _ in range(int(workers))]
    Path(people_file).write_text(json.dumps(people), "utf-8")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for child in children:
        os.waitpid(child, 0)


def serve_app(app: Any, port: int) -> None:
    """One worker, until it is ended."""
    from cheroot import wsgi

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    wsgi.Server(("127.0.0.1", port), app, numthreads=THREADS, reuse_port=True, request_queue_size=256).start()


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child


def make_person(number: int) -> dict[str, str]:
    """A user who may edit a dataset of their own; made once."""
    import ckan.plugins.toolkit as tk
    from ckan import model

    name, as_site = f"person-{number}", {"ignore_auth": True, "user": ADMIN.name}
    if model.User.get(name) is None:
        described = {"name": name, "email": f"{name}@example.org", "password": "correct-horse-7"}
        tk.get_action("user_create")(dict(as_site), described)
        member = {"id": ORGANISATION, "username": name, "role": "editor"}
        tk.get_action("organization_member_create")(dict(as_site), member)
        dataset = {"name": f"dataset-{number}", "title": name, "owner_org": ORGANISATION}
        tk.get_action("package_create")({"user": name}, dataset)
    token = tk.get_action("api_token_create")({"user": name}, {"user": name, "name": f"load-{time.time()}"})
    return {"token": token["token"], "dataset": f"dataset-{number}"}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
