"""Who owns and who began something, as documents name them."""

from __future__ import annotations

from s3portal.server.bucket_settings import ownership
from s3portal.server.bucket_settings.canonical_users import canonical_id
from s3portal.server.gateway.call import Call
from s3portal.server.wire.xml_documents import element, field, fields


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


def initiator_element(name: str) -> str:
    return element("Initiator", field("ID", name), field("DisplayName", name))
