"""How long ten million counted downloads take to answer, beside CKAN's own ``package_show``.

    python benchmarks/ckan_statistics.py [--downloads 10000000] [--files 1000] [--days 730] [--explain]

Starts the embedded portal, writes files and their counts (a row for each file and day) into its database, all
of one organisation, and asks for a file, a dataset and the whole organisation over HTTP, as a reader and as a
system administrator. Each figure is the median of several answers. The exit code is 1 if one takes more than
100 ms. With ``--explain``, PostgreSQL's plans of the organisation's queries are printed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import requests

from s3portal.demo.people import ADMIN, DATASET, ORGANISATION
from s3portal.demo.portal import Portal

LIMIT_MS = 100
_ANSWERS = 9
_FILES_A_DATASET = 20

_DATASETS = """
INSERT INTO package (id, name, title, owner_org, private, state, type, creator_user_id, metadata_created,
                     metadata_modified)
SELECT 'dataset-' || n, 'dataset-' || n, 'Dataset ' || n, p.owner_org, n %% 10 = 0, 'active', 'dataset',
       p.creator_user_id, now(), now()
FROM package p, generate_series(1, %(datasets)s) n WHERE p.name = %(like)s
"""
_FILES = """
INSERT INTO resource (id, package_id, url, format, description, position, hash, state, extras, name, url_type)
SELECT gen_random_uuid()::text, 'dataset-' || (n %% %(datasets)s + 1), 'file.csv', 'CSV', '', 0, '', 'active',
       '{}', 'File ' || n, 'upload'
FROM generate_series(1, %(files)s) n
"""
# Every file on every day, the worst that days by file can be.
_COUNTS = """
INSERT INTO s3multipart_download (resource_id, day, count, bytes_sent)
SELECT r.id, current_date - d, %(each)s, %(each)s * 1000000
FROM generate_series(0, %(days)s - 1) d, resource r WHERE r.package_id LIKE 'dataset-%%'
"""
# As the migration and the janitor do.
_MONTHS = """
INSERT INTO s3multipart_download_month (resource_id, month, count, bytes_sent)
SELECT resource_id, date_trunc('month', day)::date, sum(count), sum(bytes_sent)
FROM s3multipart_download WHERE day < date_trunc('month', now() - interval '1 day')::date GROUP BY 1, 2
"""
_ONE_FILE = "SELECT id, package_id FROM resource WHERE package_id = 'dataset-1' LIMIT 1"


def main() -> int:
    """Measures, prints, and answers whether everything is fast enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--downloads", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--no-months", dest="months", action="store_false", help="as if no janitor ever ran")
    parser.add_argument("--explain", action="store_true", help="print PostgreSQL's plans")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Portal(Path(folder), durable=False) as portal:
        with psycopg2.connect(portal.postgres.url()) as connection, connection.cursor() as cursor:
            fill(cursor, given)
            connection.commit()
        _analyse(portal.postgres.url())
        if given.explain:
            explain(portal.postgres.url())
        return measure(portal, given)


def fill(cursor: psycopg2.extensions.cursor, given: argparse.Namespace) -> None:
    """Writes the files and their counts."""
    values = {
        "datasets": max(1, given.files // _FILES_A_DATASET),
        "like": DATASET,
        "files": given.files,
        "days": given.days,
        "each": max(1, given.downloads // (given.files * given.days)),
    }
    for statement in (_DATASETS, _FILES, _COUNTS, *((_MONTHS,) if given.months else ())):
        cursor.execute(statement, values)


def measure(portal: Portal, given: argparse.Namespace) -> int:
    """Prints a line for each question; 1 if one was answered too late."""
    with psycopg2.connect(portal.postgres.url()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(count) FROM s3multipart_download")
        rows, downloads = cursor.fetchone()
        cursor.execute(_ONE_FILE)
        resource, dataset = cursor.fetchone()
    print(f"{int(downloads):,} downloads of {given.files:,} files in {rows:,} rows")
    reader = requests.Session()
    action = f"{portal.url}/api/3/action"
    peer_ms = median_ms(lambda: reader.get(f"{action}/package_show", params={"id": DATASET}, timeout=60))
    print(f"{'package_show':<44} {peer_ms:7.1f} ms")
    recent = {"from": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 90 * 86400))}
    late = False
    administrator = log_in(portal)
    for words, session, asked in (
        ("a file", reader, {"resource": resource}),
        ("a dataset", reader, {"owner": dataset}),
        ("the organisation, 90 days", reader, {"organization": ORGANISATION, **recent}),
        ("the organisation, everything", reader, {"organization": ORGANISATION}),
        ("the organisation, everything, for a sysadmin", administrator, {"organization": ORGANISATION}),
    ):
        url = f"{action}/s3multipart_download_stats"
        taken_ms = median_ms(lambda s=session, a=asked, u=url: s.get(u, params=a, timeout=60))
        print(f"{words:<44} {taken_ms:7.1f} ms   {taken_ms / peer_ms:5.1f} times package_show")
        late = late or taken_ms > LIMIT_MS
    page = f"{portal.url}/organization/downloads/{ORGANISATION}"
    about_ms = median_ms(lambda: reader.get(f"{portal.url}/organization/about/{ORGANISATION}", timeout=60))
    for words, query in (("its page, 12 months", ""), ("its page, everything", "?downloads=all")):
        page_ms = median_ms(lambda q=query: reader.get(page + q, timeout=60))
        print(f"{words:<44} {page_ms:7.1f} ms   {page_ms - about_ms:5.1f} ms more than CKAN's page about it")
        late = late or page_ms - about_ms > LIMIT_MS
    return int(late)


def log_in(portal: Portal) -> requests.Session:
    """The system administrator."""
    session = requests.Session()
    page = session.get(f"{portal.url}/user/login", timeout=60).text
    token = page.split('name="_csrf_token" content="', 1)[1].split('"', 1)[0]
    password = ADMIN.password(portal.secrets)
    form = {"login": ADMIN.name, "password": password, "_csrf_token": token}
    session.post(f"{portal.url}/user/login", data=form, timeout=60).raise_for_status()
    return session


def median_ms(ask: Callable[[], requests.Response]) -> float:
    """The median time of an answer, after one that warms up."""
    taken = []
    for _ in range(_ANSWERS + 1):
        started = time.perf_counter()
        ask().raise_for_status()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken[1:])


def explain(url: str) -> None:
    """Prints how PostgreSQL answers for the organisation, as a reader and by file."""
    readable = f"""
        SELECT r.id FROM resource r JOIN package p ON p.id = r.package_id JOIN "group" g ON g.id = p.owner_org
        WHERE g.name = '{ORGANISATION}' AND r.state = 'active' AND p.state = 'active' AND NOT p.private
    """
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for table, grouped in (
            ("s3multipart_download", "day"),
            ("s3multipart_download_month", "month"),
            ("s3multipart_download_month", "resource_id"),
        ):
            cursor.execute(
                f"EXPLAIN (ANALYZE, BUFFERS) SELECT {grouped}, sum(count), sum(bytes_sent)"
                f" FROM {table} WHERE resource_id IN ({readable}) GROUP BY {grouped}"
            )
            print("\n".join(row[0] for row in cursor.fetchall()), end="\n\n")


def _analyse(url: str) -> None:
    """Has PostgreSQL know its tables, as autovacuum does on a site that runs."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
