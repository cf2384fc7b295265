"""``s3portal server replication``, on the command line: connections, rules, and how they are doing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from s3portal.server.audited import audited
from s3portal.server.background.replication.managing import Replicator, RuleProblem
from s3portal.server.bucket_settings.replication import ReplicationRule
from s3portal.server.config import PREFIX, ServerConfig, add_environment, read_config_file
from s3portal.server.config_values import ConfigError
from s3portal.server.kms.master_key import MasterKey
from s3portal.server.kms.master_key_errors import MasterKeyError
from s3portal.server.replication import states
from s3portal.server.replication.connections import DEFAULT_REGION, ConnectionProblem, NewConnection
from s3portal.server.replication.states import RuleReport
from s3portal.server.storage import replication_connections, replication_users
from s3portal.server.storage.reader import NoStorage
from s3portal.server.storage.records import FIRST_ACCOUNT
from s3portal.server.storage.writing_beside import BesideStorage
from s3portal.server.upkeep.bodies import printable
from s3portal.server.wire.errors import S3Error

#: What S3 calls a change of a bucket's rules, of whatever kind.
PUT_RULES = "PutBucketReplication"
SECRET_VARIABLE = f"{PREFIX}REPLICATION_SECRET"
_PATH = click.Path(path_type=Path)


@click.group("replication")
@click.option("--root", type=_PATH, help="The folder of the server.  [default: as for s3portal server]")
@click.option(
    "--config", "config_file", type=_PATH, envvar=f"{PREFIX}CONFIG", help="The server's configuration file."
)
@click.pass_context
def replication_command(context: click.Context, root: Path | None, config_file: Path | None) -> None:
    """Replicate buckets to other servers: connections, rules, and how they are doing.

    May run beside the server, which notices a change within seconds. Whoever may write to the server's
    folder is its administrator.
    """
    try:
        config = add_environment(read_config_file(config_file) if config_file else ServerConfig(), os.environ)
    except ConfigError as problem:
        raise click.ClickException(str(problem)) from problem
    context.obj = (root or context.obj, config)


@contextmanager
def _changing(
    given: tuple[Path, ServerConfig], action: str, bucket: str | None = None, **parameters: str
) -> Iterator[Replicator]:
    """The same for a change, which is noted in the audit log."""
    folder, config = given
    with _replicator(given) as replicator, audited(folder, config.audit, action, parameters, bucket):
        yield replicator


@contextmanager
def _replicator(given: tuple[Path, ServerConfig]) -> Iterator[Replicator]:
    """The replication of the server's folder; what goes wrong with it is told without a traceback."""
    folder, config = given
    try:
        storage = BesideStorage(folder)
        try:
            yield Replicator(storage, MasterKey(folder, config.master_key))
        finally:
            storage.close()
    except S3Error as refused:
        raise click.ClickException(refused.message) from refused
    except (NoStorage, ConnectionProblem, RuleProblem, MasterKeyError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem


def _of_a_rule(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the arguments that name a rule, and what the group was given."""
    return click.argument("bucket")(click.argument("rule_id")(click.pass_obj(command)))


@replication_command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def status_command(given: tuple[Path, ServerConfig], as_json: bool) -> None:
    """Show what each rule has sent and has to send.

    Exit status: 0, or 1 if a version was refused by a target.
    """
    with _replicator(given) as replicator:
        reports = states.reports(replicator.storage)
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports], indent=1))
    elif not reports:
        click.echo("No bucket is replicated.")
    else:
        for report in reports:
            click.echo(_line(report))
    sys.exit(1 if any(report.failed for report in reports) else 0)


def _line(report: RuleReport) -> str:
    state = "looks through existing objects" if report.is_scanning else "active"
    parts = [
        f"{report.bucket}/{report.rule_id} to {report.connection}/{report.target_bucket}: "
        f"{state if report.enabled else 'paused'}",
        f"{report.sent_objects:,} changes sent ({report.sent_bytes:,} bytes)",
        f"{report.waiting:,} waiting ({report.waiting_bytes:,} bytes)",
    ]
    if report.waiting:
        parts.append(f"the oldest for {report.lag_s:,.0f} s")
    if report.failed:
        parts.append(f"{report.failed:,} refused")
    return ", ".join(parts)


@replication_command.command("failures")
@click.argument("bucket")
@click.pass_obj
def failures_command(given: tuple[Path, ServerConfig], bucket: str) -> None:
    """Show what did not get through, and why.

    The versions of BUCKET that are listed are tried again automatically.
    """
    with _replicator(given) as replicator:
        for task in states.failures(replicator.storage, bucket):
            version = "" if task.version_id == "null" else f" (version {task.version_id})"
            click.echo(f"{printable(task.key)}{version}, {task.attempts:,} attempts: {task.problem}")


@replication_command.command("connections")
@click.pass_obj
def connections_command(given: tuple[Path, ServerConfig]) -> None:
    """List the connections, without their secrets."""
    with _replicator(given) as replicator:
        for connection in replication_connections.find_all(replicator.storage):
            account = f", account {connection.account}" if connection.account else ""
            click.echo(f"{connection.name}: {connection.endpoint} as {connection.access_key_id}{account}")


@replication_command.command("connect")
@click.argument("name")
@click.argument("endpoint")
@click.option("--access-key-id", required=True, help="The key of the user at the target.")
@click.option("--region", default=DEFAULT_REGION, show_default=True)
@click.option("--account", help="The account by which PutBucketReplication documents name it.")
@click.pass_obj
def connect_command(
    given: tuple[Path, ServerConfig],
    name: str,
    endpoint: str,
    access_key_id: str,
    region: str,
    account: str | None,
) -> None:
    """Try a connection to ENDPOINT and save it as NAME.

    The secret access key is read from the environment variable S3PORTAL_SERVER_REPLICATION_SECRET, or asked
    for.
    """
    secret = os.environ.get(SECRET_VARIABLE) or click.prompt("Secret access key", hide_input=True)
    named = {"Name": name, "Endpoint": endpoint, "AccessKeyId": access_key_id}
    with _changing(given, "PutReplicationConnection", **named) as replicator:
        replicator.save_connection(NewConnection(name, endpoint, access_key_id, secret, region, account))
    click.echo(f"The connection {name} works and is saved.")


@replication_command.command("disconnect")
@click.argument("name")
@click.pass_obj
def disconnect_command(given: tuple[Path, ServerConfig], name: str) -> None:
    """Remove a connection that no rule needs."""
    with _changing(given, "DeleteReplicationConnection", Name=name) as replicator:
        replicator.remove_connection(name)
    click.echo(f"The connection {name} is removed.")


@replication_command.command("test")
@click.argument("name")
@click.argument("target_bucket", required=False)
@click.pass_obj
def test_command(given: tuple[Path, ServerConfig], name: str, target_bucket: str | None) -> None:
    """Try a connection.

    With TARGET_BUCKET, also everything that replication does there.
    """
    with _replicator(given) as replicator:
        remarks = replicator.test_connection(name, target_bucket)
    click.echo("\n".join(["It works.", *remarks]))


@replication_command.command("add")
@click.argument("bucket")
@click.argument("connection")
@click.argument("target_bucket")
@click.option("--id", "rule_id", help="The rule's name.  [default: the connection's]")
@click.option("--prefix", default="", help="Only keys that begin with this.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only objects with this tag.")
@click.option("--priority", default=0, help="Of several rules for one target, the highest wins.")
@click.option("--existing-objects", is_flag=True, help="Also send what is there already.")
@click.option("--delete-markers/--no-delete-markers", default=True, show_default=True)
@click.option("--deletions/--no-deletions", default=True, show_default=True)
@click.option("--storage-class", help="The storage class at the target.")
@click.pass_obj
def add_command(
    given: tuple[Path, ServerConfig],
    bucket: str,
    connection: str,
    target_bucket: str,
    rule_id: str | None,
    prefix: str,
    tags: tuple[str, ...],
    priority: int,
    existing_objects: bool,
    delete_markers: bool,
    deletions: bool,
    storage_class: str | None,
) -> None:
    """Replicate BUCKET to TARGET_BUCKET of a connection. The target is tried first."""
    if not all("=" in tag for tag in tags):
        raise click.UsageError("--tag must be KEY=VALUE")
    pairs = tuple((tag.partition("=")[0], tag.partition("=")[2]) for tag in tags)
    rule = ReplicationRule(
        rule_id=rule_id or connection,
        connection=connection,
        target_bucket=target_bucket,
        priority=priority,
        prefix=prefix,
        tags=pairs,
        delete_markers=delete_markers,
        deletions=deletions,
        existing_objects=existing_objects,
        storage_class=storage_class,
    )
    named = {"RuleId": rule.rule_id, "Connection": connection, "TargetBucket": target_bucket}
    with _changing(given, PUT_RULES, bucket, **named) as replicator:
        remarks = replicator.save_rule(bucket, rule)
    click.echo("\n".join([f"The rule {bucket}/{rule.rule_id} is saved.", *remarks]))


@replication_command.command("remove")
@_of_a_rule
def remove_command(given: tuple[Path, ServerConfig], bucket: str, rule_id: str) -> None:
    """Remove a rule. What the target has stays there."""
    with _changing(given, PUT_RULES, bucket, RuleId=rule_id, Change="Removed") as replicator:
        replicator.remove_rule(bucket, rule_id)
    click.echo(f"The rule {bucket}/{rule_id} is removed.")


@replication_command.command("pause")
@_of_a_rule
def pause_command(given: tuple[Path, ServerConfig], bucket: str, rule_id: str) -> None:
    """Pause a rule. What changes meanwhile is sent once it is resumed."""
    with _changing(given, PUT_RULES, bucket, RuleId=rule_id, Status="Disabled") as replicator:
        replicator.pause(bucket, rule_id)
    click.echo(f"The rule {bucket}/{rule_id} is paused.")


@replication_command.command("resume")
@_of_a_rule
def resume_command(given: tuple[Path, ServerConfig], bucket: str, rule_id: str) -> None:
    """Resume a rule.

    What did not get through is tried again at once.
    """
    with _changing(given, PUT_RULES, bucket, RuleId=rule_id, Status="Enabled") as replicator:
        replicator.resume(bucket, rule_id)
    click.echo(f"The rule {bucket}/{rule_id} is active.")


@replication_command.command("compare")
@_of_a_rule
def compare_command(given: tuple[Path, ServerConfig], bucket: str, rule_id: str) -> None:
    """Send whatever the target does not have.

    Looks through all objects of the bucket again.
    """
    with _changing(given, "CompareReplica", bucket, RuleId=rule_id) as replicator:
        replicator.compare(bucket, rule_id)
    click.echo(f"The objects of {bucket} are compared with those of the target.")


@replication_command.command("accept")
@click.argument("user", required=False)
@click.option("--account", default=FIRST_ACCOUNT, show_default=True, help="The account of the user.")
@click.option("--remove", "is_removed", is_flag=True, help="No longer accept the user's replicas.")
@click.pass_obj
def accept_command(
    given: tuple[Path, ServerConfig], user: str | None, account: str, is_removed: bool
) -> None:
    """Accept replicas that USER sends.

    USER is the user of this server that another server signs in as. Without USER, lists the users
    whose replicas are accepted.

    Its policies still decide what the user may do: s3:ReplicateObject, s3:ReplicateDelete and
    s3:ReplicateTags are enough, with s3:GetObject for the comparison.
    """
    if user is None:
        with _replicator(given) as replicator:
            for account_id, name in replication_users.find_all(replicator.storage):
                click.echo(f"{account_id}/{name}")
        return
    action = "DeleteReplicationUser" if is_removed else "PutReplicationUser"
    with _changing(given, action, UserName=user, Account=account) as replicator:
        if not is_removed:
            replication_users.add(replicator.storage, account, user)
        elif not replication_users.remove(replicator.storage, account, user):
            raise click.ClickException(f"{user} was not accepted")
    click.echo(f"{user} is not accepted any more." if is_removed else f"What {user} replicates is accepted.")
