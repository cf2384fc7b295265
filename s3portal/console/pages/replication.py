"""Replication: where to (connections), what of a bucket (rules), and how far it has come.

Connections and rules are an administrator's; whoever may put a bucket's replication pauses and resumes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from urllib.parse import quote

from botocore.exceptions import ClientError
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import console, visit
from s3portal.server.operator_view import (
    Actor,
    ConnectionProblem,
    NewConnection,
    ReplicationRule,
    RuleProblem,
    RuleReport,
)

replication_pages = Blueprint("replication", __name__)


@replication_pages.get("/buckets/<bucket>/replication")
def show(bucket: str) -> AnyResponse:
    return _page(bucket)


@replication_pages.post("/buckets/<bucket>/replication")
def add(bucket: str) -> AnyResponse:
    _require_administrator()
    form = request.form
    rule = ReplicationRule(
        rule_id=form.get("rule_id", "").strip() or "copy",
        connection=form.get("connection", ""),
        target_bucket=form.get("target_bucket", "").strip(),
        prefix=form.get("prefix", "").strip(),
        delete_markers="deletions" in form,
        deletions="deletions" in form,
        existing_objects="existing" in form,
    )
    _require_may_put(bucket)
    try:
        about = {"RuleId": rule.rule_id, "Connection": rule.connection, "TargetBucket": rule.target_bucket}
        with _noted("PutBucketReplication", about, bucket):
            remarks = console().backend.view.replicator.save_rule(bucket, rule)
        for remark in remarks:
            flash(remark)
    except (ConnectionProblem, RuleProblem) as problem:
        return _page(bucket, str(problem))
    flash(_("The rule is saved, and its objects are being sent."))
    return redirect(url_for("replication.show", bucket=bucket), 303)


@replication_pages.post("/buckets/<bucket>/replication/<what>")
def change(bucket: str, what: str) -> AnyResponse:
    rule_id, replicator = request.form.get("rule_id", ""), console().backend.view.replicator
    try:
        if what in ("pause", "resume"):
            _pause(bucket, rule_id, is_paused=what == "pause")
        elif what in ("remove", "compare"):
            _require_administrator()
            _require_may_put(bucket)
            if what == "remove":
                with _noted("PutBucketReplication", {"RuleId": rule_id, "Change": "Removed"}, bucket):
                    replicator.remove_rule(bucket, rule_id)
            else:
                replicator.compare(bucket, rule_id)
        else:
            abort(404)
    except RuleProblem as problem:
        return _page(bucket, str(problem))
    except ClientError as refused:
        return _page(bucket, sentence_of(refused))
    flash(_("Saved."))
    return redirect(url_for("replication.show", bucket=bucket), 303)


@replication_pages.get("/server/connections")
def connections() -> AnyResponse:
    _require_administrator_of_all()
    return _connections_page()


@replication_pages.post("/server/connections")
def connect() -> AnyResponse:
    _require_administrator_of_all()
    form = request.form
    new = NewConnection(
        name=form.get("name", "").strip(),
        endpoint=form.get("endpoint", "").strip(),
        access_key_id=form.get("access_key_id", "").strip(),
        secret_access_key=form.get("secret_access_key", "").strip(),
    )
    if region := form.get("region", "").strip():
        new = replace(new, region=region)
    try:
        with _noted("PutReplicationConnection", {"Name": new.name}):
            console().backend.view.replicator.save_connection(new)
    except ConnectionProblem as problem:
        return _connections_page(str(problem))
    flash(_("The connection works, and is saved."))
    return redirect(url_for("replication.connections"), 303)


@replication_pages.post("/server/connections/<what>")
def change_connection(what: str) -> AnyResponse:
    _require_administrator_of_all()
    name, replicator = request.form.get("name", ""), console().backend.view.replicator
    try:
        if what == "test":
            replicator.test_connection(name)
            flash(_("%(name)s answers, and takes the key.", name=name))
        elif what == "remove":
            with _noted("DeleteReplicationConnection", {"Name": name}):
                replicator.remove_connection(name)
            flash(_("%(name)s is deleted.", name=name))
        else:
            abort(404)
    except ConnectionProblem as problem:
        return _connections_page(str(problem))
    return redirect(url_for("replication.connections"), 303)


def _noted(
    action: str, parameters: dict[str, str], bucket: str | None = None
) -> AbstractContextManager[None]:
    """Notes what is done within in the audit log, since no request of S3's does it."""
    of = visit()
    actor = Actor(of.identity["Arn"], of.identity["Account"], of.visitor.address, of.key.access_key_id)
    return console().backend.view.noted(actor, action, parameters, bucket)


def is_administrator() -> bool:
    return visit().key.session_token is None and console().backend.view.may_administer(
        visit().key.access_key_id
    )


def may_see_connections() -> bool:
    """Connections are the server's, and so are their keys: other accounts only name them in rules."""
    return is_administrator() and visit().is_of_first_account


def _require_administrator() -> None:
    if not is_administrator():
        abort(403, _("Only administrators (iam:*) make connections and rules."))


def _require_administrator_of_all() -> None:
    if not may_see_connections():
        abort(403, _("Only administrators (iam:*) make connections and rules."))


def _require_may_put(bucket: str) -> None:
    """Aborts unless the store would take rules for this bucket from the visitor: who administers one account
    has no say about another's buckets, and nobody about one whose policy forbids it.

    S3 decides before it reads: what may put a configuration is told that this is none.
    """
    answer = visit().call("PUT", f"/{quote(bucket, safe='')}", "replication=", b"<Nothing/>")
    if answer.status_code != 400:
        abort(
            answer.status_code if answer.status_code == 404 else 403,
            _("You may not change this bucket's rules."),
        )


def _may_list(bucket: str) -> bool:
    try:
        visit().s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError as refused:
        if is_denied(refused):
            return False
        raise
    return True


def _pause(bucket: str, rule_id: str, *, is_paused: bool) -> None:
    """By S3's own operation, so that it is decided and noted as any other."""
    s3 = visit().s3
    configuration = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]
    for rule in configuration["Rules"]:
        if rule["ID"] == rule_id:
            rule["Status"] = "Disabled" if is_paused else "Enabled"
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=configuration)


def _page(bucket: str, problem: str = "") -> AnyResponse:
    try:
        visit().s3.get_bucket_replication(Bucket=bucket)
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "ReplicationConfigurationNotFoundError":
            raise
    view = console().backend.view
    reports: list[RuleReport] = [report for report in view.replication() if report.bucket == bucket]
    page = render_template(
        "console/replication.html",
        bucket=bucket,
        reports=reports,
        # They name objects.
        failures=view.replication_failures(bucket)[:50] if _may_list(bucket) else [],
        connections=[connection.name for connection in view.connections()] if is_administrator() else [],
        is_administrator=is_administrator(),
        problem=problem,
        form=request.form,
    )
    return Response(page, 400 if problem else 200)


def _connections_page(problem: str = "") -> AnyResponse:
    page = render_template(
        "console/connections.html",
        connections=console().backend.view.connections(),
        problem=problem,
        form=request.form,
    )
    return Response(page, 400 if problem else 200)
