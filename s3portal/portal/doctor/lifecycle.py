"""Check: uploads that are never finished are removed some day, and published files stay."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from botocore.exceptions import BotoCoreError, ClientError

from s3portal.portal.doctor.case import CALL_S, Case
from s3portal.portal.doctor.fixes import FixRefused
from s3portal.portal.doctor.lifecycle_rules import Rule, abort_days, days_of, threats
from s3portal.portal.findings import Finding
from s3portal.transfer import Store, deadline, error_code

_NONE = "NoSuchLifecycleConfiguration"
_UNABLE = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
#: As many unfinished uploads are looked at.
_MOST_UPLOADS = 1000


def examine_lifecycle(case: Case, *, apply: bool) -> Iterator[Finding]:
    """With ``apply``, adds the rule that aborts unfinished uploads where there is none."""
    subject = "lifecycle"
    prefix = _folder(case.store)
    days = days_of(case.store.settings.upload_expires)
    try:
        with deadline(CALL_S):
            rules = _read_rules(case.store)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error_code(error) in _UNABLE:
            yield case.ok(
                subject, "this store has no lifecycle rules; the janitor removes unfinished uploads"
            )
        else:
            text = f"the rules cannot be read: {error}"
            yield case.look(subject, text, f"allow s3:GetLifecycleConfiguration on {case.bucket_arn}")
        return
    for threat in threats(rules, prefix):
        rule = f"the rule “{threat.rule_id}”" if threat.rule_id else "a rule without a name"
        if case.site_url:
            text = f"{rule} {threat.what}: published links would break"
            yield case.wrong(subject, text, "exclude the portal's files from the rule, or delete it")
        else:
            yield case.look(subject, f"{rule} {threat.what}", "see that this is meant")
    found = abort_days(rules, prefix)
    if found is None and apply and case.fixes:
        yield _applied(case, rules, prefix)
    elif found is None:
        missed = "unfinished uploads that the janitor misses" if case.site_url else "unfinished uploads"
        text = f"{missed} are kept forever, and paid for; abort them after {days} days"
        yield case.look(subject, text, case.mend_by(lambda fixes: fixes.abort_unfinished))
    elif found < days - 1:
        text = (
            f"uploads are aborted after {found} days, but the portal keeps them for {days - 1}: later they"
            " cannot be resumed"
        )
        yield case.look(subject, text, f"make the rule wait {days} days")
    else:
        yield case.ok(subject, f"unfinished uploads are aborted after {found} days")


def examine_unfinished(case: Case, janitor: str) -> Iterator[Finding]:
    """Unfinished uploads that should be gone by now: each holds bytes that someone pays for."""
    store = case.store
    oldest = datetime.now(timezone.utc) - timedelta(days=days_of(store.settings.upload_expires))
    try:
        with deadline(CALL_S):
            page = store.client().list_multipart_uploads(
                Bucket=store.bucket, Prefix=_folder(store), MaxUploads=_MOST_UPLOADS
            )
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error_code(error) in _UNABLE:
            return
        text = f"unfinished uploads cannot be listed: {error}"
        yield case.look("unfinished", text, f"allow s3:ListBucketMultipartUploads on {case.bucket_arn}")
        return
    old = [upload["Initiated"] for upload in page.get("Uploads", []) if upload["Initiated"] < oldest]
    if old:
        more = " or more" if page.get("IsTruncated") else ""
        text = (
            f"{len(old):,}{more} unfinished uploads are older than this portal keeps its own; the oldest is"
            f" from {min(old):%Y-%m-%d}"
        )
        yield case.look("unfinished", text, janitor)
    else:
        yield case.ok("unfinished", "there are no leftover uploads")


def _folder(store: Store) -> str:
    """What the keys of the portal begin with, "" for anything."""
    folder = store.settings.s3_prefix.strip("/")
    return f"{folder}/" if folder else ""


def _applied(case: Case, rules: list[Rule], prefix: str) -> Finding:
    assert case.fixes is not None
    try:
        with deadline(CALL_S):
            case.fixes.abort_unfinished.apply()
            found = abort_days(_read_rules(case.store), prefix)
    except FixRefused as refused:
        return case.look("lifecycle", f"the rule could not be added: {refused.text}", refused.mend)
    except (ClientError, BotoCoreError) as error:
        text = f"the rule was added, and cannot be read: {error}"
        return case.look("lifecycle", text, "run the doctor again")
    if found is None:
        text = "the rule was added, but the store does not show it"
        return case.look("lifecycle", text, "run the doctor again in a minute")
    kept = f"; its {len(rules)} other rules stay" if rules else ""
    return case.ok("lifecycle", f"applied: unfinished uploads are aborted after {found} days{kept}")


def _read_rules(store: Store) -> list[Rule]:
    try:
        return list(store.client().get_bucket_lifecycle_configuration(Bucket=store.bucket)["Rules"])
    except ClientError as error:
        if error_code(error) == _NONE:
            return []
        raise
