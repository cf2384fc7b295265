"""Runs dtool as often as it is asked, each time in a child process of its own that has everything imported.

Run by the Python of an environment with dtool. Reads commands from stdin and answers on stdout, a line of
JSON each: ``{"arguments": [...]}`` for the command line or ``{"script": "..."}`` for Python, with
``environment``, ``folder`` and ``text_in``; the answer has ``status``, ``out`` and ``err``. Importing is most
of what a command takes, and a fork does without; nothing that one command does is left for the next.
"""

import functools
import json
import os
import sys
import tempfile

# What dtool's modules make of it while they are imported is made again in each child.
HOME = "/home-of-nobody"
os.environ["HOME"] = HOME

import boto3  # noqa: E402
import botocore.session  # noqa: E402
import dtoolcore  # noqa: E402
from dtool_cli.cli import dtool  # noqa: E402


def main():
    dtoolcore._generate_storage_broker_lookup()
    # botocore's files are megabytes of JSON: read and used here, they are ready in each child.
    botocore.session.create_loader = functools.lru_cache(botocore.session.create_loader)
    s3 = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nobody"
    )
    s3.generate_presigned_url("get_object", {"Bucket": "a-bucket", "Key": "key"})
    for line in sys.stdin:
        asked = json.loads(line)
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write((asked.get("text_in") or "").encode())
            given.seek(0)
            child = os.fork()
            if not child:
                for descriptor, file in enumerate((given, out, err)):
                    os.dup2(file.fileno(), descriptor)
                run(asked)
            _, wait_status = os.waitpid(child, 0)
            told = {"status": os.waitstatus_to_exitcode(wait_status), "out": whole(out), "err": whole(err)}
        print(json.dumps(told), flush=True)


def run(asked):
    """Ends the process as the command would: through the end of the interpreter."""
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - what was read ahead belongs to the parent
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    move_home(asked["environment"]["HOME"])
    if "script" in asked:
        exec(asked["script"], {"__name__": "__main__", "dtoolcore": dtoolcore, "json": json})
        sys.exit(0)
    dtool(asked["arguments"], prog_name="dtool")


def move_home(home):
    for module in [module for name, module in sys.modules.items() if name.startswith("dtool")]:
        for name, value in list(vars(module).items()):
            if isinstance(value, str) and value.startswith(HOME):
                setattr(module, name, value.replace(HOME, home, 1))


def whole(file):
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    main()
