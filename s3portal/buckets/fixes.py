"""What a doctor sets with ``--apply``: by the code of the commands, whose words it prints, too."""

from collections.abc import Callable
from dataclasses import replace

from s3portal.buckets.problems import NotOffered, Refused, Unusable
from s3portal.buckets.settings import cors, lifecycle, policy, public_access
from s3portal.buckets.settings.change import Change
from s3portal.portal.doctor import BucketFix, BucketFixes, Case, FixRefused, days_of
from s3portal.transfer import Store


def with_fixes(case: Case) -> Case:
    """The case with the fixes of its bucket, for its site, its prefix and the time that it keeps uploads."""
    store = case.store
    origin = case.origin if case.site_url else ""
    prefix = f"{folder}/" if (folder := store.settings.s3_prefix.strip("/")) else ""
    days = days_of(store.settings.upload_expires)
    under = ("--prefix", prefix) if prefix else ()
    fixes = BucketFixes(
        let_pages_in=BucketFix(
            case.bucket_command("cors set", "--origin", origin),
            lambda: _carry_out(case, lambda: let_pages_in(store, origin)),
        ),
        let_readers_in=BucketFix(
            case.bucket_command("cors set", "--public-read"),
            lambda: _carry_out(case, lambda: _let_readers_in(store)),
        ),
        abort_unfinished=BucketFix(
            case.bucket_command("lifecycle recommended", "--abort-days", str(days), *under),
            lambda: _carry_out(case, lambda: lifecycle.recommended_change(store, days, prefix=prefix)),
        ),
        block_public_access=BucketFix(
            case.bucket_command("public-access block"),
            lambda: _carry_out(case, lambda: _block(case)),
        ),
    )
    return replace(case, fixes=fixes)


def let_pages_in(store: Store, origin: str) -> Change:
    """Lets pages of a portal at ``origin`` send parts to the bucket. Raises Refused, NotOffered."""
    rules = cors.with_rules(cors.read_cors(store), (origin,), public_read=False)
    return cors.cors_change(store, rules, f"let pages of {origin} upload")


def _let_readers_in(store: Store) -> Change:
    rules = cors.with_rules(cors.read_cors(store), (), public_read=True)
    return cors.cors_change(store, rules, "let pages of every site read")


def _block(case: Case) -> Change:
    """Blocks public access. Raises Refused where the policy lets everyone in: what somebody wrote there on
    purpose, as for a website, is not taken back unasked."""
    store = case.store
    try:
        found = policy.read_policy(store)
    except Refused:
        # Strangers were tried as well, and this is the safe side.
        found = None
    if policy.lets_strangers(found):
        raise Refused(
            f"the policy of {store.bucket} lets everyone in ({', '.join(policy.public_sids(found))}), which"
            " this would end",
            f"{case.bucket_command('policy show')}\nor: {case.bucket_command('public-access block')}",
        )
    return public_access.block_change(store, on=public_access.ALL)


def _carry_out(case: Case, make: Callable[[], Change]) -> bool:
    """Makes the change, and says whether it was needed. Raises FixRefused."""
    try:
        change = make()
        if change.is_needed:
            change.apply()
        return change.is_needed
    except (Refused, Unusable) as problem:
        not_offered = isinstance(problem, NotOffered)
        # Where the portal's own documentation lists them.
        page = f" ({case.permissions_page})" if case.permissions_page and " s3:" in problem.mend else ""
        raise FixRefused(problem.text, problem.mend + page, is_not_offered=not_offered) from problem
