"""``ckan s3multipart doctor``: what no value by itself tells, such as an organisation that is not there or a
bucket that lets no browser in. Values that cannot be used stop CKAN before.
"""

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from urllib.parse import urlsplit

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from botocore.exceptions import BotoCoreError, ClientError
from ckan import model

from ckanext.s3multipart.model import UploadRow, now
from ckanext.s3multipart.settings import (
    PREFIX,
    SETTINGS_CLASSES,
    portal_host,
    portal_settings,
    portal_store,
    transfer_settings,
)
from s3portal.findings import LOOK, OK, WRONG, Finding
from s3portal.transfer.cors import lets_in, read_cors_rules
from s3portal.transfer.errors import TransferError
from s3portal.transfer.session_credentials import assume_upload_role
from s3portal.transfer.settings import unknown_settings
from s3portal.transfer.store_errors import error_code
from s3portal.transfer.upload import COMPLETED, UPLOADING

#: The janitor is to run every day; one run may be missed.
_JANITOR_LATE = timedelta(days=2)

_MENDS = {
    "403": f"check {PREFIX}s3_access_key_id and its policy, which has to allow s3:ListBucket",
    "404": f"make the bucket, or mend {PREFIX}s3_bucket",
    "301": f"set {PREFIX}s3_region to the bucket's own",
}


def examine() -> Iterator[Finding]:
    """Looks at everything, and changes nothing."""
    yield from _examine_names()
    yield from _examine_organisations()
    if sa.inspect(model.Session.get_bind()).has_table(UploadRow.__tablename__):
        yield Finding("database", "tables", OK, "are there")
        yield from _examine_janitor()
    else:
        yield Finding("database", "tables", WRONG, "are not there", "ckan db upgrade -p s3multipart")
    yield from _examine_bucket()
    yield from _examine_role()


def _examine_names() -> Iterator[Finding]:
    """Settings that nobody reads, which the log has named when CKAN started."""
    for name, suggestion in unknown_settings(SETTINGS_CLASSES, tk.config, PREFIX):
        mend = f"did you mean {suggestion}?" if suggestion else "take it out of the .ini"
        yield Finding(name, "name", LOOK, "is not a setting, and does nothing", mend)


def _examine_organisations() -> Iterator[Finding]:
    place, subject = PREFIX + "enabled_orgs", "organisations"
    enabled = portal_settings().enabled_orgs
    if not enabled:
        yield Finding(place, subject, LOOK, "none may upload", "name some, or * for all")
        return
    rows = model.Session.query(model.Group.name).filter_by(is_organization=True, state="active")
    there = {name for (name,) in rows}
    for name in enabled:
        if name == "*" or name in there:
            yield Finding(place, name, OK, "may upload")
        else:
            close = get_close_matches(name, there, n=1)
            meant = (
                f"did you mean {close[0]}?" if close else "names are those in the organisations' addresses"
            )
            yield Finding(place, name, WRONG, "is no organisation of this portal", meant)


def _examine_janitor() -> Iterator[Finding]:
    late = (
        model.Session.query(UploadRow)
        .filter(UploadRow.state.in_((UPLOADING, COMPLETED)), UploadRow.expires_at < now() - _JANITOR_LATE)
        .count()
    )
    if late:
        text = f"{late:,} uploads should be removed for days"
        yield Finding(
            "janitor", "runs", WRONG, text, "run ckan s3multipart janitor daily, and read what it says"
        )
    else:
        yield Finding("janitor", "runs", OK, "nothing waits for it")


def _examine_bucket() -> Iterator[Finding]:
    store = portal_store()
    subject = f"bucket {store.bucket}"
    try:
        store.client().head_bucket(Bucket=store.bucket)
    except (ClientError, BotoCoreError) as error:
        code = error_code(error) if isinstance(error, ClientError) else ""
        yield Finding(
            "store", subject, WRONG, str(error), _MENDS.get(code, f"check {PREFIX}s3_endpoint and keys")
        )
        return
    yield Finding("store", subject, OK, "is there, and the keys open it")
    site = urlsplit(tk.config["ckan.site_url"])
    origin = f"{site.scheme}://{site.netloc}"
    try:
        rules = read_cors_rules(store)
    except (ClientError, BotoCoreError) as error:
        text = f"the CORS rules of {store.bucket} cannot be read: {error}"
        yield Finding("store", "CORS", LOOK, text, "allow s3:GetBucketCORS to have them looked at")
        return
    mend = "docs/ckan.md, The bucket's CORS rule"
    if lets_in(rules, origin):
        yield Finding("store", "CORS", OK, f"pages of {origin} may send parts")
    elif lets_in(rules, origin, exposed=()):
        text = "a browser cannot see that a single part was damaged: ETag or checksums are not exposed"
        yield Finding("store", "CORS", LOOK, text, mend)
    else:
        text = f"no rule lets pages of {origin} send parts"
        yield Finding("store", "CORS", WRONG, text, mend)


def _examine_role() -> Iterator[Finding]:
    """Asks STS for credentials of nothing that is there; they end by themselves."""
    role = transfer_settings().s3_role
    if not role:
        yield Finding(PREFIX + "s3_role", "session credentials", OK, "are off")
        return
    try:
        assume_upload_role(portal_store(), "doctor", portal_host(), prefix="s3portal/doctor/")
    except TransferError as error:
        yield Finding(
            PREFIX + "s3_role", role, WRONG, str(error), "check the role's trust policy and sts:AssumeRole"
        )
    else:
        yield Finding(PREFIX + "s3_role", role, OK, "gives session credentials")
