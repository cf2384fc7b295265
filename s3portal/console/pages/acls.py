"""The ACL of a bucket, of an object or of one of its versions, where the bucket has ACLs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from s3portal.console.acl_words import (
    LOG_DELIVERY,
    PUBLIC_CANNED,
    canned_words,
    grantee_of,
    group_words,
    is_public,
    lines_of,
    permission_words,
    user_words,
)
from s3portal.console.errors import is_denied, sentence_of
from s3portal.console.texts import gettext as _
from s3portal.console.visit import visit
from s3portal.server.operator_view import canonical_id

#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
GRANTS_LIMIT = 100
_AN_ACCOUNT = "account"
_ACCOUNT_ID, _CANONICAL_ID = re.compile(r"[0-9]{12}"), re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")

acl_pages = Blueprint("acls", __name__)


@dataclass(frozen=True)
class Target:
    """What has the ACL: a bucket, or with a ``key`` one of its objects; ``version`` is '' for the present
    one."""

    bucket: str
    key: str = ""
    version: str = ""

    def named(self) -> dict[str, str]:
        """Returns it as S3's operations name it."""
        key = {"Key": self.key} if self.key else {}
        return {"Bucket": self.bucket, **key, **({"VersionId": self.version} if self.version else {})}

    def read(self) -> dict[str, Any]:
        """Returns S3's answer, with ``Owner`` and ``Grants``. Raises ClientError."""
        s3 = visit().s3
        answer: dict[str, Any] = (s3.get_object_acl if self.key else s3.get_bucket_acl)(**self.named())
        return answer

    def write(self, **wanted: Any) -> None:
        """Puts a canned ``ACL`` or an ``AccessControlPolicy``. Raises ClientError."""
        s3 = visit().s3
        (s3.put_object_acl if self.key else s3.put_bucket_acl)(**self.named(), **wanted)

    def url(self) -> str:
        return url_for("acls.show", bucket=self.bucket, key=self.key or None, version=self.version or None)


class FieldProblem(ValueError):
    """A sentence about what somebody entered; ``field`` is where, '' for the whole form."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


@acl_pages.get("/buckets/<bucket>/acl")
def show(bucket: str) -> AnyResponse:
    return _page(_target(bucket, request.args.get("key", ""), request.args.get("version", "")))


@acl_pages.post("/buckets/<bucket>/acl/<what>")
def change(bucket: str, what: str) -> AnyResponse:
    write = _WRITERS.get(what) or abort(404)
    target = _target(bucket, request.form.get("key", ""), request.form.get("version", ""))
    try:
        write(target)
    except FieldProblem as wrong:
        return _page(target, wrong)
    except ClientError as refused:
        return _page(target, FieldProblem(sentence_of(refused)))
    flash(_("Saved."))
    return redirect(target.url(), 303)


def acls_are_on(bucket: str) -> bool | None:
    """Whether ACLs count in a bucket, None where the visitor may not know. Raises ClientError where it is not
    there."""
    try:
        answer = visit().s3.get_bucket_ownership_controls(Bucket=bucket)
    except ClientError as none:
        if none.response["Error"]["Code"] == "OwnershipControlsNotFoundError":
            return True
        if is_denied(none):
            return None
        raise
    ownership: str = answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
    return ownership != "BucketOwnerEnforced"


def is_public_by_acl(bucket: str) -> bool:
    """Whether a bucket's own ACL lets everybody in; also False where the visitor may not know."""
    try:
        found = visit().s3.get_bucket_acl(Bucket=bucket)
        return is_public(found["Grants"]) and not _block(bucket).get("IgnorePublicAcls")
    except ClientError:
        return False


def _target(bucket: str, key: str, version: str) -> Target:
    return Target(bucket, key, version if key else "")


def _page(target: Target, wrong: FieldProblem | None = None) -> AnyResponse:
    is_on = acls_are_on(target.bucket) is not False
    found = target.read() if is_on else {"Owner": {}, "Grants": []}
    block = _block(target.bucket)
    of_object, own = bool(target.key), canonical_id(visit().identity["Account"])
    groups = {uri: words for uri, words in group_words().items() if uri != LOG_DELIVERY or not of_object}
    page = render_template(
        "console/acl.html",
        bucket=target.bucket,
        target=target,
        name=target.key.rpartition("/")[2] or target.key or target.bucket,
        is_on=is_on,
        owner=user_words(found["Owner"]),
        owner_id=found["Owner"].get("ID", ""),
        own_id=own,
        lines=lines_of(
            found["Grants"], of_object=of_object, ignores_public=bool(block.get("IgnorePublicAcls"))
        ),
        block=block,
        canned=canned_words(of_object=of_object),
        permissions=permission_words(of_object=of_object),
        grantees={_AN_ACCOUNT: _("An account"), **groups},
        problem=str(wrong) if wrong and not wrong.field else "",
        wrong=wrong,
        form=request.form,
    )
    return Response(page, 400 if wrong else 200)


def _block(bucket: str) -> dict[str, bool]:
    """The public access block; nothing where there is none, or the visitor may not know it."""
    try:
        answer = visit().s3.get_public_access_block(Bucket=bucket)
    except ClientError as none:
        if is_denied(none) or none.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return {}
        raise
    block: dict[str, bool] = answer["PublicAccessBlockConfiguration"]
    return block


def _put_canned(target: Target) -> None:
    canned = request.form.get("canned", "")
    if canned not in canned_words(of_object=bool(target.key)):
        raise FieldProblem(_("Choose one from the list."), "canned")
    try:
        target.write(ACL=canned)
    except ClientError as refused:
        _explain(target, refused, canned in PUBLIC_CANNED, "canned")
        raise


def _add(target: Target) -> None:
    grantee, permission = _grantee_asked(target), request.form.get("permission", "")
    if permission not in permission_words(of_object=bool(target.key)):
        raise FieldProblem(_("Choose one from the list."), "permission")
    found = target.read()
    if any(_is(grant, grantee, permission) for grant in found["Grants"]):
        raise FieldProblem(_("This is granted already."), "who")
    if len(found["Grants"]) >= GRANTS_LIMIT:
        raise FieldProblem(_("An ACL has at most %(limit)d grants. Remove one first.", limit=GRANTS_LIMIT))
    named = (
        {"Type": "Group", "URI": grantee}
        if grantee in group_words()
        else {"Type": "CanonicalUser", "ID": grantee}
    )
    try:
        _put(target, found, [*found["Grants"], {"Grantee": named, "Permission": permission}], "who")
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "InvalidArgument":
            raise
        raise FieldProblem(_("No account of this server has this id."), "account") from refused


def _remove(target: Target) -> None:
    grantee, permission = request.form.get("grantee", ""), request.form.get("permission", "")
    found = target.read()
    kept = [grant for grant in found["Grants"] if not _is(grant, grantee, permission)]
    if len(kept) == len(found["Grants"]):
        raise FieldProblem(_("This grant no longer exists."))
    _put(target, found, kept, "")


def _put(target: Target, found: dict[str, Any], grants: Sequence[dict[str, Any]], field: str) -> None:
    """Puts an ACL with other grants than it was read with."""
    try:
        target.write(AccessControlPolicy={"Owner": found["Owner"], "Grants": list(grants)})
    except ClientError as refused:
        _explain(target, refused, is_public(grants), field)
        raise


def _explain(target: Target, refused: ClientError, wanted_is_public: bool, field: str) -> None:
    """Raises FieldProblem where the public access block is the reason of a refusal."""
    if is_denied(refused) and wanted_is_public and _block(target.bucket).get("BlockPublicAcls"):
        raise FieldProblem(
            _(
                "The public access block of this bucket refuses ACLs that grant something to everybody. "
                "Change it in the settings, or remove such grants first."
            ),
            field,
        ) from refused


def _grantee_asked(target: Target) -> str:
    """Returns the canonical user id or the URI of the group that is to be granted something. Raises
    FieldProblem."""
    who = request.form.get("who", "")
    if who in group_words() and (who != LOG_DELIVERY or not target.key):
        return who
    if who != _AN_ACCOUNT:
        raise FieldProblem(_("Choose one from the list."), "who")
    account = request.form.get("account", "").strip()
    if _ACCOUNT_ID.fullmatch(account):
        return canonical_id(account)
    if _CANONICAL_ID.fullmatch(account):
        return account
    raise FieldProblem(
        _("Enter the 12 digits of an account, or its canonical user id with 64 digits and letters."),
        "account",
    )


def _is(grant: dict[str, Any], grantee: str, permission: str) -> bool:
    return grantee_of(grant) == grantee and bool(grant["Permission"] == permission)


_WRITERS: dict[str, Callable[[Target], None]] = {"canned": _put_canned, "add": _add, "remove": _remove}
