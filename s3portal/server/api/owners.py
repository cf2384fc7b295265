"""Who owns and who began something, as documents name them."""

from __future__ import annotations

from s3portal.server.access.directory import ROOT_USER
from s3portal.server.bucket_settings import ownership
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.gateway.call import Call
from s3portal.server.wire.xml_documents import element, fields


def owner_element(call: Call, account_id: str) -> str:
    """Returns an account as the owner of something."""
    account = call.service.authenticator.directory.account(account_id)
    return element("Owner", fields(("ID", canonical_id(account_id)), ("DisplayName", account.name)))


def owner_in_effect(call: Call, account_id: str) -> str:
    """Returns who owns what ``account_id`` has written into the bucket: where ACLs are disabled the bucket's
    owner owns everything. https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    bucket = call.bucket_row.require()
    return bucket.owner if ownership.of_settings(bucket.settings).acls_are_disabled else account_id


def initiator_element(call: Call, initiator: str) -> str:
    """Returns who began an upload: users and sessions by their ARN, the administrator of an account by its
    canonical id. Uploads of earlier versions know a name only.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Initiator.html
    """
    _, is_arn, place = initiator.partition("arn:aws:")
    account_id, _, path = place.partition("::")[2].partition(":")
    name = path.partition("/")[2]
    if is_arn and path.startswith("user/") and name == ROOT_USER:
        account = call.service.authenticator.directory.account(account_id)
        return element("Initiator", fields(("ID", canonical_id(account_id)), ("DisplayName", account.name)))
    shown = name if is_arn else initiator
    return element("Initiator", fields(("ID", initiator), ("DisplayName", shown)))
