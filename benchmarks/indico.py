"""A 1 GiB save, read and proxied download by this plugin beside indico-plugin-storage-s3, in one run.

    python benchmarks/indico.py --ours PYTHON --stock PYTHON --services PYTHON [--mib 1024]

Each Python is that of an environment: Indico with this plugin, Indico with the other, and one with the S3
server (``bin/test indico-3.2`` makes all three in ``.nox``). Every measurement is a process of its own; the
memory is how much its peak grew over what it had before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Runs in either environment, without a site: a backend needs only its options and a folder for copies.
_MEASURE = """
import json, resource, sys, time
from unittest import mock
plugin, options, what, path = sys.argv[1:]
if plugin == 'ours':
    from indico_plugin.storage import S3Storage
else:
    from indico_storage_s3.storage import S3Storage
from flask import Flask
from indico.core.config import config
app = Flask('bench')
storage = S3Storage(options)
storage.client if plugin == 'stock' else storage.store(storage.bucket_name).client()

def save():
    with open(path, 'rb') as source:
        storage.save(f'{plugin}-{time.time()}', 'application/octet-stream', 'a.bin', source)

def read():
    with storage.open('peer') as stored:
        while stored.read(1024 * 1024):
            pass

def download():
    with app.test_request_context('/'):
        for chunk in storage.send_file('peer', 'application/pdf', 'a.pdf').iter_encoded():
            pass

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, started = peak(), time.monotonic()
{'save': save, 'read': read, 'download': download}[what]()
print(json.dumps({'seconds': time.monotonic() - started, 'mib': peak() - before}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("ours", "stock", "services"):
        parser.add_argument(f"--{name}", required=True, metavar="PYTHON")
    parser.add_argument("--mib", type=int, default=1024)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_all(given, Path(folder))


def measure_all(given: argparse.Namespace, folder: Path) -> None:
    """Starts a server, makes the file, and prints a line for each measurement."""
    path = folder / "file"
    with path.open("wb") as file:
        for _ in range(given.mib):
            file.write(os.urandom(1024 * 1024))
    environment = {
        **os.environ,
        "S3PORTAL_SERVER_ACCESS_KEY_ID": "bench-key",
        "S3PORTAL_SERVER_SECRET_ACCESS_KEY": "bench-secret",
        "S3PORTAL_SERVER_BUCKETS": "bench",
        "PYTHONWARNINGS": "ignore",
    }
    # The port is the kernel's choice, and the server says it.
    server = subprocess.Popen(
        [given.services, "-u", "-m", "s3portal.server", "--root", folder / "s3", "--port", "0"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        endpoint = server.stdout.readline().split(": ", 1)[1].split(",")[0]
        keys = "access_key=bench-key,secret_key=bench-secret"
        options = f"host={endpoint},bucket=bench,{keys},addressing_style=path,proxy=on"

        def measure(plugin: str, what: str) -> dict:
            python = getattr(given, plugin)
            command = [python, "-c", _MEASURE, plugin, options, what, str(path)]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if run.returncode:
                sys.exit(run.stderr)
            return json.loads(run.stdout.splitlines()[-1])

        store_peer(given.ours, options, path, environment)
        print(f"{given.mib} MiB    this plugin               indico-plugin-storage-s3   memory, times")
        for what in ("save", "read", "download"):
            ours, stock = measure("ours", what), measure("stock", what)
            ratio = stock["mib"] / max(ours["mib"], 1)
            print(
                f"{what:9} {ours['seconds']:6.1f} s {ours['mib']:6.0f} MiB more"
                f"   {stock['seconds']:6.1f} s {stock['mib']:6.0f} MiB more   {ratio:6.0f}"
            )
    finally:
        server.terminate()
        server.wait()


def store_peer(python: str, options: str, path: Path, environment: dict) -> None:
    """The object that is read: the same for both."""
    program = (
        "import sys\nfrom indico_plugin.storage import S3Storage\n"
        "S3Storage(sys.argv[1]).save('peer', 'application/pdf', 'a.pdf', open(sys.argv[2], 'rb'))"
    )
    subprocess.run([python, "-c", program, options, str(path)], env=environment, check=True)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"in {time.monotonic() - started:.0f} s")
