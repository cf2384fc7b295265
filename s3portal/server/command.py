"""``s3portal server``: starts the server and says where it is."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import signal
import sqlite3
import ssl
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

import click

from s3portal.server.config import PREFIX, ServerConfig, add_environment, read_config_file
from s3portal.server.config_connections import proxies_of
from s3portal.server.config_encryption import master_key_of_environment
from s3portal.server.config_myfsio import MyfsioConfig
from s3portal.server.config_values import ConfigError
from s3portal.server.config_watch import ConfigFile
from s3portal.server.configured_faults import around_of
from s3portal.server.gateway.access_log import AccessLog
from s3portal.server.http.limits import raise_descriptor_limit
from s3portal.server.http.tls import TLSFiles
from s3portal.server.kms.key_sources import KEY_SOURCE, MasterKeySource
from s3portal.server.kms.master_key_errors import MasterKeyError
from s3portal.server.myfsio_environment import defaults_of, with_environment
from s3portal.server.running import FrontEnd, S3Server
from s3portal.server.storage.migrations import NotUpgraded, OtherVersion
from s3portal.server.storage.storage import StorageInUse
from s3portal.server.wire.errors import S3Error
from s3portal.server.workers import Supervisor

#: Where in click's context a command around this one leaves a FrontEnd.
FRONT_END = "s3portal.server.front_end"
_PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)
_COMMANDS = {
    "fsck": "Check a server's folder, and repair it.",
    "where": "Show in which files an object is.",
    "export": "Copy a bucket's objects into plain files.",
    "import": "Store the files of a folder in a bucket.",
    "import-myfsio": "Take over MyFSIO's data folder.",
    "quota": "Show and set how much buckets and users may store.",
    "audit": "Show who did what.",
    "replication": "Replicate buckets to other servers.",
    "rewrap": "Seal all secrets with another master key.",
}
_MODULES = {
    "audit": "s3portal.server.upkeep.audit_command",
    "import-myfsio": "s3portal.server.upkeep.myfsio_command",
    "quota": "s3portal.server.upkeep.quota_command",
    "replication": "s3portal.server.replication_command",
    "rewrap": "s3portal.server.rewrap_command",
}


class _ServerGroup(click.Group):
    """Serves without a command; the modules of the commands are imported when one of them runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_MODULES.get(cmd_name, "s3portal.server.upkeep.commands"))
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])


def _take_defaults(context: click.Context, parameter: click.Parameter, myfsio: bool) -> bool:
    """Lets MyFSIO's variables be the defaults of options, which are read after this one."""
    if myfsio:
        context.default_map = {**(context.default_map or {}), **defaults_of(os.environ)}
    return myfsio


@click.group(
    "server",
    cls=_ServerGroup,
    invoke_without_command=True,
    short_help="Serve S3 from a folder on this machine.",
)
@click.option(
    "--root",
    type=_PATH,
    envvar=f"{PREFIX}ROOT",
    default="s3-data",
    show_default=True,
    help="Where everything is kept.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="0 chooses a free one."
)
@click.option(
    "--config",
    "config_file",
    type=_PATH,
    envvar=f"{PREFIX}CONFIG",
    help="JSON or YAML: users, roles, buckets.",
)
@click.option("--log", "log_file", type=_PATH, help="Access log, a JSON line for each request.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    envvar=f"{PREFIX}WORKERS",
    default=1,
    show_default=True,
    help="Processes that share the folder and the port.",
)
@click.option(
    "--tls-cert",
    type=_PATH,
    envvar=f"{PREFIX}TLS_CERT",
    help="PEM: the certificate; the server speaks HTTPS.",
)
@click.option("--tls-key", type=_PATH, envvar=f"{PREFIX}TLS_KEY", help="PEM: the certificate's key.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    envvar=f"{PREFIX}TRUSTED_PROXIES",
    help="A proxy whose X-Forwarded headers count: an address or a network. May be given several times.",
)
@click.option(
    "--allow-sigv2",
    is_flag=True,
    envvar=f"{PREFIX}ALLOW_SIGV2",
    help="Accept signatures of version 2 from users' keys, for old clients.",
)
@click.option(
    "--explain-refusals",
    is_flag=True,
    envvar=f"{PREFIX}EXPLAIN_REFUSALS",
    help="Tell every caller the reason, in the header x-s3portal-reason. For development.",
)
@click.option(
    "--myfsio",
    is_flag=True,
    is_eager=True,
    callback=_take_defaults,
    envvar=f"{PREFIX}MYFSIO",
    help="Speak MyFSIO's dialect too: keys in headers, its routes, files and environment variables.",
)
@click.option(
    "--integrity-scan/--no-integrity-scan",
    default=True,
    show_default=True,
    help="Read all objects in the background, slowly, and report changed bytes.",
)
@click.option(
    "--lifecycle/--no-lifecycle",
    default=True,
    show_default=True,
    help="Apply the lifecycle rules of buckets, once an hour.",
)
@click.option(
    "--replication/--no-replication",
    default=True,
    show_default=True,
    help="Replicate what changes in buckets with replication rules to their targets.",
)
@click.option(
    "--notifications/--no-notifications",
    default=True,
    show_default=True,
    help="Tell the notification_targets of the configuration what changes in buckets.",
)
@click.pass_context
def server_command(
    context: click.Context,
    /,
    root: Path,
    host: str,
    port: int,
    config_file: Path | None,
    log_file: Path | None,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    trusted_proxies: tuple[str, ...],
    allow_sigv2: bool,
    explain_refusals: bool,
    myfsio: bool,
    **jobs: bool,
) -> None:
    """An S3-compatible server on the local disk, with STS.

    It is for one machine: development, tests, small sites. For more, point the same settings at AWS S3,
    Ceph or MinIO.
    """
    if context.invoked_subcommand is not None:
        # Its own --root has this one's value where it is given none.
        context.obj = root
        context.meta[KEY_SOURCE] = _key_source(config_file)
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    raise_descriptor_limit()
    front_end: FrontEnd | None = context.meta.get(FRONT_END)
    try:
        watched = ConfigFile(config_file, os.environ) if config_file else None
        config = watched.read() if watched else add_environment(ServerConfig(), os.environ)
        config = replace(
            config,
            tls=_tls_files(tls_cert, tls_key) or config.tls,
            trusted_proxies=(*config.trusted_proxies, *proxies_of(trusted_proxies, "--trusted-proxy")),
            allow_sigv2=allow_sigv2 or config.allow_sigv2,
            explain_refusals=explain_refusals or config.explain_refusals,
            myfsio=_myfsio_config(config, enabled=myfsio),
        )
        server: S3Server | Supervisor
        chosen = [option.replace("_", "-") for option, is_on in jobs.items() if is_on]
        new_around = partial(around_of, config.faults) if config.faults else None
        if workers > 1:
            server = Supervisor(
                root,
                config,
                host=host,
                port=port,
                count=workers,
                log_file=log_file,
                new_around=new_around,
                jobs=chosen,
                front_end=front_end,
                config_file=watched,
            )
        else:
            access_log, around = AccessLog(log_file), new_around() if new_around else None
            server = S3Server(
                root,
                config,
                host=host,
                port=port,
                access_log=access_log,
                around=around,
                jobs=chosen,
                front_end=front_end,
                config_file=watched,
            )
    except (ConfigError, MasterKeyError, StorageInUse, OtherVersion, NotUpgraded, S3Error) as problem:
        raise click.ClickException(str(problem)) from problem
    except ssl.SSLError as problem:
        raise click.ClickException(f"The certificate or its key cannot be used: {problem}") from problem
    except sqlite3.DatabaseError as problem:
        raise click.ClickException(f"The database in {root} cannot be used: {problem}") from problem
    except OSError as problem:
        raise click.ClickException(_sentence_of(problem, host, port)) from problem
    click.echo(f"S3 server: {server.endpoint}, data in {root}")
    click.echo("It is for one machine: development, tests, small sites.")
    if server.root_key_file:
        click.echo(
            f"No users are configured. The access key of the administrator is in {server.root_key_file}"
        )
    if front_end is not None:
        click.echo(f"Console:   {front_end.url_over('https' if config.tls else 'http')}")
    if isinstance(server, S3Server):
        _stop_on_signals(server)
    try:
        server.serve()
    finally:
        signal.set_wakeup_fd(-1)


def _myfsio_config(config: ServerConfig, *, enabled: bool) -> MyfsioConfig:
    """Says of each of MyFSIO's variables that has no meaning here why."""
    given = replace(config.myfsio, enabled=enabled or config.myfsio.enabled)
    if not given.enabled:
        return given
    given, said = with_environment(given, os.environ)
    for sentence in said:
        log.warning("%s", sentence)
    return given


def _key_source(config_file: Path | None) -> MasterKeySource:
    """Where the configuration says that the master key is, for commands that read the folder."""
    try:
        config = read_config_file(config_file) if config_file else ServerConfig()
        return master_key_of_environment(os.environ, PREFIX) or config.master_key
    except ConfigError as problem:
        raise click.ClickException(str(problem)) from problem


def _tls_files(certificate: Path | None, key: Path | None) -> TLSFiles | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("--tls-cert and --tls-key must be given together or not at all")
    return TLSFiles(certificate, key)


def _stop_on_signals(server: S3Server) -> None:
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        # Not from the handler itself: it interrupts the accept loop that stopping has to wait for.
        if not stopping.is_set():
            stopping.set()
            threading.Thread(target=server.stop, name="s3-stop").start()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, stop)
    # Another thread may get the signal: the one that waits for connections has to be woken for the handler.
    signal.set_wakeup_fd(server.http.wakeup_descriptor)


def _sentence_of(problem: OSError, host: str, port: int) -> str:
    """What cannot be used, a file or the address, and why."""
    if problem.filename is not None:
        return f"{problem.filename} cannot be used: {problem.strerror}"
    if problem.errno == errno.EADDRINUSE:
        return f"{host}:{port} is in use by another program. Give another --port, or 0 for a free one."
    return f"Cannot listen on {host}:{port}: {problem.strerror}"
