"""Managed policies: policies with a name of their own, for several users, groups and roles."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError, ParamValidationError
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.documents import DocumentError, line_of, read_document, write_document
from s3portal.console.errors import sentence_of
from s3portal.console.pages.people import READING, kinds
from s3portal.console.policy_words import sentences_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit

#: IAM keeps so many versions of a policy.
_VERSIONS_LIMIT = 5

managed_pages = Blueprint("managed", __name__)


@managed_pages.get("/people/policies")
def show_all() -> AnyResponse:
    return _list_page()


@managed_pages.post("/people/policies")
def create() -> AnyResponse:
    name, text = request.form.get("name", "").strip(), request.form.get("document", "")
    try:
        document = json.dumps(read_document(text))
        arn = visit().iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    except (ClientError, ParamValidationError, DocumentError) as refused:
        return _list_page(_problem(refused), name, text)
    flash(_("Saved."))
    return redirect(url_for("managed.show", arn=arn), 303)


@managed_pages.get("/people/policies/one")
def show() -> AnyResponse:
    return _page(request.args.get("arn", ""))


@managed_pages.post("/people/policies/one")
def save() -> AnyResponse:
    arn, text, iam = request.form.get("arn", ""), request.form.get("document", ""), visit().iam
    try:
        document = json.dumps(read_document(text))
        versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
        old = [version for version in versions if not version["IsDefaultVersion"]]
        if len(versions) >= _VERSIONS_LIMIT:
            iam.delete_policy_version(PolicyArn=arn, VersionId=old[-1]["VersionId"])
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    except (ClientError, ParamValidationError, DocumentError) as refused:
        return _page(arn, _problem(refused), text)
    flash(_("Saved."))
    return redirect(url_for("managed.show", arn=arn), 303)


@managed_pages.post("/people/policies/delete")
def delete() -> AnyResponse:
    arn, iam = request.form.get("arn", ""), visit().iam
    try:
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=arn)
    except ClientError as refused:
        return _page(arn, sentence_of(refused))
    flash(_("The policy is deleted."))
    return redirect(url_for("managed.show_all"), 303)


def _list_page(problem: str = "", name: str = "", text: str = "") -> AnyResponse:
    pages = visit().iam.get_paginator("list_policies").paginate()
    page = render_template(
        "console/managed_policies.html",
        kind="policies",
        kinds=kinds(),
        policies=[policy for page in pages for policy in page["Policies"]],
        problem=problem,
        name=name,
        text=text or write_document(READING),
    )
    return Response(page, 400 if problem else 200)


def _page(arn: str, problem: str = "", text: str = "") -> AnyResponse:
    iam = visit().iam
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    kept = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    page = render_template(
        "console/managed_policy.html",
        kind="policies",
        kinds=kinds(),
        policy=policy,
        is_ours=not arn.startswith("arn:aws:iam::aws:"),
        sentences=sentences_of(kept["Document"]),
        text=text or write_document(kept["Document"]),
        problem=problem,
        line=line_of(text, problem) if problem else None,
    )
    return Response(page, 400 if problem else 200)


def _problem(refused: Exception) -> str:
    return sentence_of(refused) if isinstance(refused, ClientError) else str(refused)
