"""The ACL that a request asks for, refused where the bucket takes none or lets nothing be public."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from s3portal.server.bucket_settings import acl, acl_documents, ownership, public_access_block
from s3portal.server.bucket_settings.acl import Acl
from s3portal.server.bucket_settings.acl_documents import CANNED_HEADER, GRANT_HEADERS, Owners
from s3portal.server.bucket_settings.canonical_users import ANONYMOUS_ACCOUNT, canonical_id
from s3portal.server.gateway.call import Call
from s3portal.server.storage.records import Bucket
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import parse_document

_BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"
# What says nothing that would not be so anyway; many clients send one of them with every object.
_NOTHING = ("private", _BUCKET_OWNER_FULL_CONTROL)


def owners_of(call: Call, owner: str, bucket_owner: str | None) -> Owners:
    """Returns the owners that an ACL may speak of; they exist even where their accounts do not any more."""
    directory = call.service.authenticator.directory
    own = {canonical_id(account) for account in (owner, bucket_owner) if account is not None}
    return Owners(
        owner,
        bucket_owner,
        lambda named: named in own or directory.account_with_canonical_id(named) is not None,
    )


def name_of(call: Call, canonical: str) -> str:
    """Returns what people call the account of a canonical id, '' where there is none."""
    account = call.service.authenticator.directory.account_with_canonical_id(canonical)
    return account.name if account else ""


def owner_and_acl(call: Call) -> tuple[str, str | None]:
    """Returns who owns an object that this call makes, and its ACL as it is stored.

    Raises AccessControlListNotSupported where ACLs are disabled, AccessDenied for a public one where those
    are blocked, InvalidArgument and InvalidRequest for one that cannot be read. Source:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    bucket = call.bucket_row.find()
    if bucket is None:
        # The storage refuses what is put there.
        return call.bucket_row.owner, None
    writer = call.proof.caller.account_id or ANONYMOUS_ACCOUNT
    controls = ownership.of_settings(bucket.settings)
    if controls.acls_are_disabled:
        if call.header(CANNED_HEADER) not in (None, "", *_NOTHING) or _grants_others(call, bucket):
            raise _no_acls(bucket)
        return bucket.owner, None
    preferred = controls.object_ownership == ownership.BUCKET_OWNER_PREFERRED
    given_away = preferred and call.header(CANNED_HEADER) == _BUCKET_OWNER_FULL_CONTROL
    owner = bucket.owner if given_away else writer
    found = acl_documents.of_headers(call.request.headers, owners_of(call, owner, bucket.owner))
    if found is None:
        return owner, None
    refuse_public(bucket, found)
    return owner, acl.write(found, owner)


def _grants_others(call: Call, bucket: Bucket) -> bool:
    """Whether x-amz-grant-* headers grant anything but full control to the bucket's owner."""
    if not any(call.header(name) for name in GRANT_HEADERS):
        return False
    found = acl_documents.of_headers(call.request.headers, owners_of(call, bucket.owner, bucket.owner))
    return found != acl.private(bucket.owner)


def replacement(call: Call, bucket: Bucket, owners: Owners) -> Acl:
    """Returns the ACL that PutBucketAcl or PutObjectAcl puts: by one header, by grants, or by a document.

    Raises what ``owner_and_acl`` does, and MalformedACLError, UnexpectedContent for a document beside
    headers, MissingSecurityHeader for neither.
    """
    text = _body(call)
    found = acl_documents.of_headers(call.request.headers, owners)
    if found is not None and text:
        raise S3Error("UnexpectedContent")
    if found is None and not text:
        raise S3Error("MissingSecurityHeader", facts={"MissingHeaderName": CANNED_HEADER})
    if found is None:
        found = acl_documents.of_xml(_policy(text), owners)
    if ownership.of_settings(bucket.settings).acls_are_disabled:
        is_of_object = owners.bucket_owner is not None
        if not is_of_object or found != acl.private(bucket.owner) or call.header(CANNED_HEADER) == "private":
            raise _no_acls(bucket)
    refuse_public(bucket, found)
    return found


def _body(call: Call) -> bytes:
    if call.header("content-length") in (None, "0") and not call.header("x-amz-decoded-content-length"):
        return b""
    return call.document_text()


def _policy(text: bytes) -> Element:
    try:
        return parse_document(text, "AccessControlPolicy")
    except S3Error as malformed:
        raise S3Error("MalformedACLError") from malformed


def refuse_public(bucket: Bucket, found: Acl) -> None:
    """Raises AccessDenied for an ACL that lets everybody in where the bucket blocks those."""
    if found.is_public and public_access_block.of_settings(bucket.settings).block_public_acls:
        raise S3Error("AccessDenied")


def _no_acls(bucket: Bucket) -> S3Error:
    return S3Error("AccessControlListNotSupported", facts={"BucketName": bucket.name})
