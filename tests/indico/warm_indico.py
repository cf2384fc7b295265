"""A process with all of Indico imported, which forks for each command: that takes a second instead of ten.

Each command is a process of its own all the same, with its own ``indico.conf``, output, exit code, and death.
Reads a request a line from standard input, and answers with the process id, and when it ended with the exit
code; one command at a time.
"""

import gc
import json
import os
import sys
import traceback

from flask import Flask


def import_everything() -> None:
    """Imports what ``make_app`` would, without an application that a fork would inherit."""
    import indico.cli.core
    import indico.web.flask.app  # noqa: F401
    from indico.core.config import load_config
    from indico.core.db.sqlalchemy.util.models import import_all_models
    from indico.util.i18n import babel
    from indico.web.flask.util import discover_blueprints

    # Some modules ask for a setting or a translation while they are imported.
    app = Flask("imports")
    app.config["INDICO"] = load_config(only_defaults=True, override={"BASE_URL": "http://localhost"})
    babel.init_app(app)
    with app.app_context():
        import_all_models()
        discover_blueprints()
    # What is here now stays; a fork need not look through it at each collection.
    gc.freeze()


def run_indico(arguments: list[str]) -> None:
    """The ``indico`` command."""
    from indico.cli.core import cli

    cli.main(args=arguments, prog_name="indico")


def run_script(source: str, arguments: list[str]) -> None:
    """Python in the site's application context."""
    from indico.web.flask.app import make_app

    sys.argv = ["script", *arguments]
    with make_app().app_context():
        exec(compile(source, "script", "exec"), {"__name__": "__main__"})


def become_command(request: dict) -> None:
    """What the fork does until its end."""
    for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    if request["script"] is None:
        run_indico(request["arguments"])
    else:
        run_script(request["script"], request["arguments"])


def exit_code(end: SystemExit) -> int:
    """As Python itself has it: a text is for standard error, and a failure."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def serve() -> None:
    """Until standard input ends."""
    import_everything()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                become_command(json.loads(line))
                code = 0
            except SystemExit as end:
                code = exit_code(end)
            except BaseException:  # noqa: BLE001 (the end of a process; Python itself prints and exits 1)
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


serve()
