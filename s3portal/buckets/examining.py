"""The doctor of a bucket, which `s3portal bucket doctor` and the portals' own doctors share: whether files go
in and out, tried, and then what the settings say."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from s3portal.buckets.access import options_of_store
from s3portal.buckets.fixes import with_fixes
from s3portal.buckets.problems import NotOffered, Refused
from s3portal.buckets.settings import acl, encryption, lifecycle, ownership, policy, versioning
from s3portal.portal.doctor import Case, examine_store
from s3portal.portal.findings import LOOK, OK, WRONG, Finding, some

_KEEP_DAYS = "30"
_MOST_NAMED = 5


def examine_bucket(case: Case, *, apply: bool = False) -> Iterator[Finding]:
    """Everything that can be found out about the bucket of one portal, or of none (a case without a site).

    With ``apply``, sets what is safe to set: see `s3portal.portal.doctor.examine_store`.
    """
    findings = list(examine_store(with_fixes(case), apply=apply))
    yield from findings
    # Of a store that cannot be reached, enough has been said; one that is only read is another's.
    if not case.is_written or any(_says_unreachable(finding) for finding in findings):
        return
    unread = []
    for subject, look in _LOOKS.items():
        try:
            yield from look(case)
        except NotOffered as missing:
            yield case.ok(subject, missing.text)
        except Refused as refusal:
            if not case.site_url:
                yield case.look(subject, refusal.text, refusal.mend)
            unread.append(subject)
    if case.site_url and unread:
        # A portal's keys need not see them.
        text = (
            f"the portal's keys may not read {some(unread, _MOST_NAMED, ', ')}: run this with an"
            " administrator's keys or --profile"
        )
        administrators = replace(case, bucket_options=options_of_store(case.store))
        command = administrators.bucket_command("doctor", "--site", case.site_url)
        yield Finding(case.place, "settings", OK, text, command)


def _says_unreachable(finding: Finding) -> bool:
    return finding.subject.startswith("bucket ") and finding.state == WRONG


def _look_at_acls(case: Case) -> Iterator[Finding]:
    store = case.store
    try:
        owned = ownership.find_ownership(store)
    except NotOffered:
        owned = ""
    if owned == ownership.ENFORCED:
        yield case.ok("ACLs", "are off: only policies let anyone in")
        return
    grants = acl.strangers_in(acl.read_bucket_acl(store))
    if any(grant.startswith(acl.PUBLIC) for grant in grants):
        text = f"the bucket's own ACL is public: {', '.join(grants)}"
        yield case.wrong("ACLs", text, case.bucket_command("acl reset", "--bucket-only"))
    audit = case.bucket_command("acl audit")
    if owned:
        text = f"count here ({owned}), so each object may have been made public by its own"
        enforce = case.bucket_command("ownership enforce")
        yield case.look("ACLs", text, f"{audit}\nthen: {enforce}")
    else:
        yield Finding(case.place, "ACLs", OK, "count here: this store cannot switch them off", audit)


def _look_at_policy(case: Case) -> Iterator[Finding]:
    found = policy.read_policy(case.store)
    if not policy.lets_strangers(found):
        yield case.ok("policy", "lets no strangers in" if found else "there is none")
        return
    sids = policy.public_sids(found)
    text = f"lets everyone in: {', '.join(sids)}"
    if case.serves_public_files:
        yield case.ok("policy", f"{text}, as public files need it")
        return
    removals = [case.bucket_command("policy remove", "--sid", sid) for sid in sids if sid != policy.NO_SID]
    yield case.look(
        "policy",
        text,
        "\n".join([case.bucket_command("policy show"), *(f"if not meant: {each}" for each in removals)]),
    )


def _look_at_versions(case: Case) -> Iterator[Finding]:
    if versioning.read_versioning(case.store) != versioning.ON:
        text = "are not kept: what is overwritten or deleted by mistake is gone"
        mend = case.bucket_command("versioning on", "--keep-days", _KEEP_DAYS)
        # A portal overwrites nothing, so it is a matter of choice there.
        yield Finding(case.place, "versions", OK if case.site_url else LOOK, text, mend)
        return
    rules = lifecycle.read_lifecycle(case.store)
    if any(rule.get("Status") == "Enabled" and "NoncurrentVersionExpiration" in rule for rule in rules):
        yield case.ok("versions", "are kept for a time")
    else:
        mend = case.bucket_command("versioning on", "--keep-days", _KEEP_DAYS)
        state = OK if case.site_url else LOOK
        yield Finding(case.place, "versions", state, "are kept for ever, and paid for", mend)


def _look_at_encryption(case: Case) -> Iterator[Finding]:
    how = encryption.algorithms(encryption.read_encryption(case.store))
    if how:
        yield case.ok("encryption", f"new objects are encrypted with {how}")
    else:
        text = "is not set: whether objects are encrypted on disk is up to the store"
        mend = case.bucket_command("encryption set", "AES256")
        yield Finding(case.place, "encryption", LOOK if case.store.settings.on_aws else OK, text, mend)


_LOOKS: dict[str, Callable[[Case], Iterator[Finding]]] = {
    "ACLs": _look_at_acls,
    "policy": _look_at_policy,
    "versions": _look_at_versions,
    "encryption": _look_at_encryption,
}
