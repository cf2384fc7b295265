"""``--apply`` adds the rules that are missing beside those that are there, once, and says what it did."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from doctor_cases import SITE_URL, Examine, Examined, MakeCase
from store_front import Asked, Said, StoreFront, s3_error

from s3portal.server.pytest_plugin import BUCKET

OTHER = {
    "AllowedOrigins": ["https://other.example"],
    "AllowedMethods": ["GET"],
    "AllowedHeaders": [],
    "ExposeHeaders": ["x-amz-meta-a"],
    "MaxAgeSeconds": 60,
}


def set_rules(case: Any, *rules: dict[str, Any]) -> None:
    case.store.client().put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": list(rules)})


def rules_of(case: Any) -> list[Any]:
    return case.store.client().get_bucket_cors(Bucket=BUCKET)["CORSRules"]


def for_site(**other: Any) -> dict[str, Any]:
    return {"AllowedOrigins": [SITE_URL], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"], **other}


TOO_LITTLE = {
    "no rule of this site": ({}, OTHER, "wrong", "status 403"),
    "a rule without the method": ({}, for_site(AllowedMethods=["GET"]), "wrong", "status 403"),
    "a rule without the header of MD5": (
        {"checksum": "md5"},
        for_site(AllowedHeaders=[]),
        "wrong",
        "status 403",
    ),
    "nothing exposed": ({}, for_site(), "look", "ETag and x-amz-checksum-crc64nvme not exposed"),
    "the checksum is hidden": (
        {},
        for_site(ExposeHeaders=["ETag"]),
        "look",
        "x-amz-checksum-crc64nvme not exposed",
    ),
}


@pytest.mark.parametrize(("settings", "rule", "state", "why"), TOO_LITTLE.values(), ids=TOO_LITTLE)
def test_a_rule_that_lets_too_little_through_is_joined_by_ours(
    examine: Examine,
    make_case: MakeCase,
    settings: dict[str, str],
    rule: dict[str, Any],
    state: str,
    why: str,
) -> None:
    case = make_case()
    set_rules(case, rule)
    before = rules_of(case)

    finding = examine(**settings).one(state)
    assert (finding.subject, why in finding.text) == ("CORS", True), finding
    assert finding.mend.splitlines() == [
        f"s3portal bucket cors set {BUCKET} --origin {SITE_URL}",
        "or: portal doctor --apply",
    ]
    assert rules_of(case) == before

    applied = examine(**settings, apply=True)
    assert applied.is_well, applied.complaints
    assert [f.text for f in applied.findings if f.text.startswith("applied: ")] != []
    after = rules_of(case)
    assert after[1:] == before

    again = examine(**settings, apply=True)
    assert again.is_well
    assert not [finding for finding in again.findings if "applied" in finding.text]
    assert rules_of(case) == after


def test_without_a_header_for_md5_a_crc_still_works(examine: Examine, make_case: MakeCase) -> None:
    set_rules(make_case(), for_site(AllowedHeaders=[], ExposeHeaders=["ETag", "x-amz-checksum-crc64nvme"]))

    assert examine().is_well


def without_cors_api(asked: Asked) -> Said | None:
    if "cors" in asked.query:
        return s3_error(501, "NotImplemented")
    return s3_error(403, "AccessForbidden") if asked.method == "OPTIONS" else None


def test_a_store_without_rules_of_buckets_is_fixed_elsewhere(examine: Examine, front: StoreFront) -> None:
    front.instead = without_cors_api

    finding = examine(s3_endpoint=front.endpoint, apply=True).one("wrong")

    assert f"mc admin config set ALIAS api cors_allow_origin={SITE_URL}" in finding.mend


def test_keys_that_may_not_set_rules_are_told(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: (
        s3_error(403, "AccessDenied") if asked.method == "PUT" and "cors" in asked.query else None
    )

    finding = examine(s3_endpoint=front.endpoint, site_url="http://127.0.0.2", apply=True).one("wrong")

    assert finding.mend == f"allow s3:PutBucketCORS on arn:aws:s3:::{BUCKET}"


def test_a_proxy_that_answers_preflights_itself_is_suspected(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: Said(405) if asked.method == "OPTIONS" else None

    examine(s3_endpoint=front.endpoint, apply=True)
    finding = examine(s3_endpoint=front.endpoint, apply=True).one("wrong")

    assert "may answer OPTIONS itself" in finding.mend


def test_an_answer_with_the_origin_twice_is_thrown_away_by_browsers(
    examine: Examine, front: StoreFront
) -> None:
    def doubled(asked: Asked, said: Said) -> None:
        said.headers += [pair for pair in said.headers if pair[0].lower() == "access-control-allow-origin"]

    front.alter = doubled

    finding = examine(s3_endpoint=front.endpoint).one("wrong")

    assert f"Access-Control-Allow-Origin is {SITE_URL}, {SITE_URL}" in finding.text


def test_an_answer_to_the_part_itself_without_the_origin_is_thrown_away(
    examine: Examine, front: StoreFront
) -> None:
    def for_preflights_alone(asked: Asked, said: Said) -> None:
        if asked.method != "OPTIONS":
            said.headers = [pair for pair in said.headers if "access-control" not in pair[0].lower()]

    front.alter = for_preflights_alone

    assert (
        "discard the answer to a part that was stored"
        in examine(s3_endpoint=front.endpoint).one("wrong").text
    )


class LifecycleStore:
    """A store that keeps lifecycle rules, as XML."""

    NONE = s3_error(404, "NoSuchLifecycleConfiguration")

    def __init__(self, xml: str = "") -> None:
        self.xml = xml
        self.written = 0

    def __call__(self, asked: Asked) -> Said | None:
        if "lifecycle" not in asked.query:
            return None
        if asked.method == "PUT":
            self.written += 1
            self.xml = asked.body.decode()
            return Said()
        return Said(200, [], self.xml.encode()) if self.xml else self.NONE


def rule_xml(name: str, inside: str, prefix: str = "") -> str:
    rule_filter = f"<Filter><Prefix>{prefix}</Prefix></Filter>"
    return f"<Rule><ID>{name}</ID><Status>Enabled</Status>{rule_filter}{inside}</Rule>"


def configuration(*rules: str) -> str:
    return f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>"


def aborting_xml(days: int) -> str:
    inside = f"<DaysAfterInitiation>{days}</DaysAfterInitiation>"
    return f"<AbortIncompleteMultipartUpload>{inside}</AbortIncompleteMultipartUpload>"


def test_the_rule_for_unfinished_uploads_joins_the_others(examine: Examine, front: StoreFront) -> None:
    store = LifecycleStore(
        configuration(rule_xml("logs", "<Expiration><Days>3</Days></Expiration>", "logs/"))
    )
    front.instead = store

    def ask(**arguments: Any) -> Examined:
        return examine(s3_endpoint=front.endpoint, **arguments)

    finding = ask().one("look")
    assert finding.subject == "lifecycle"
    assert finding.mend.splitlines() == [
        f"s3portal bucket lifecycle recommended {BUCKET} --abort-days 8",
        "or: portal doctor --apply",
    ]
    assert store.written == 0

    applied = ask(apply=True)
    assert applied.is_well, applied.complaints
    assert "applied: unfinished uploads are aborted after 8 days; its 1 other rules stay" in [
        finding.text for finding in applied.findings
    ]
    assert re.findall("<ID>([^<]*)</ID>", store.xml) == ["logs", "s3portal: abort unfinished uploads"]
    assert "<Days>3</Days>" in store.xml

    assert ask(apply=True).is_well
    assert store.written == 1


def test_a_bucket_without_any_lifecycle_rule(examine: Examine, front: StoreFront) -> None:
    front.instead = store = LifecycleStore()

    assert examine(s3_endpoint=front.endpoint).one("look").subject == "lifecycle"
    assert examine(s3_endpoint=front.endpoint, apply=True).is_well
    assert "<DaysAfterInitiation>8</DaysAfterInitiation>" in store.xml


def test_a_rule_that_aborts_too_early_is_told_and_left(examine: Examine, front: StoreFront) -> None:
    front.instead = store = LifecycleStore(configuration(rule_xml("a", aborting_xml(1))))

    finding = examine(s3_endpoint=front.endpoint, apply=True).one("look")

    assert "aborted after 1 days, but the portal keeps them for 7" in finding.text
    assert store.written == 0


def test_a_rule_that_deletes_published_files_is_wrong(examine: Examine, front: StoreFront) -> None:
    front.instead = LifecycleStore(
        configuration(rule_xml("tidy", f"<Expiration><Days>30</Days></Expiration>{aborting_xml(8)}"))
    )

    finding = examine(s3_endpoint=front.endpoint).one("wrong")

    assert "the rule “tidy” deletes files after 30 days" in finding.text


def test_keys_that_may_not_see_lifecycle_rules_are_told(examine: Examine, front: StoreFront) -> None:
    front.instead = lambda asked: s3_error(403, "AccessDenied") if "lifecycle" in asked.query else None

    assert "s3:GetLifecycleConfiguration" in examine(s3_endpoint=front.endpoint).one("look").mend


def test_public_access_is_blocked_once(examine: Examine, front: StoreFront) -> None:
    written: list[bytes] = []

    def blocks(asked: Asked) -> Said | None:
        if "publicAccessBlock" not in asked.query:
            return None
        if asked.method == "PUT":
            written.append(b"true")
            return Said(200)
        if not written:
            return s3_error(404, "NoSuchPublicAccessBlockConfiguration")
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        settings = "".join(f"<{name}>true</{name}>" for name in names)
        return Said(
            200,
            [],
            f"<PublicAccessBlockConfiguration>{settings}</PublicAccessBlockConfiguration>".encode(),
        )

    front.instead = blocks

    looked = examine(s3_endpoint=front.endpoint)
    assert written == [], "nothing is changed unasked"
    assert looked.states("public access") == ["ok"]
    applied, again = [examine(s3_endpoint=front.endpoint, apply=True) for _ in range(2)]

    said = [finding.text for finding in applied.findings if finding.subject == "public access"]
    assert said[0].startswith("applied: BlockPublicAcls, IgnorePublicAcls")
    assert (len(written), again.states("public access")) == (1, ["ok"])


def with_public_policy(written: list[str]) -> Callable[[Asked], Said | None]:
    """A bucket whose policy lets readers of a website in, and whose public access is not blocked."""
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Sid": "Website", "Effect": "Allow", "Principal": "*",'
        ' "Action": "s3:GetObject", "Resource": "arn:aws:s3:::test-bucket/site/*",'
        ' "Condition": {"StringLike": {"aws:Referer": "https://www.example.org/*"}}}]}'
    )

    def answer(asked: Asked) -> Said | None:
        if "policy" in asked.query:
            return Said(200, [], policy.encode())
        if "publicAccessBlock" not in asked.query:
            return None
        if asked.method == "PUT":
            written.append(asked.method)
            return Said(200)
        return s3_error(404, "NoSuchPublicAccessBlockConfiguration")

    return answer


def test_what_a_policy_grants_is_not_taken_back_unasked(examine: Examine, front: StoreFront) -> None:
    written: list[str] = []
    front.instead = with_public_policy(written)

    finding = examine(s3_endpoint=front.endpoint, apply=True).one("look")

    assert written == []
    assert "was not blocked: the policy of test-bucket lets everyone in (Website)" in finding.text
    assert finding.mend.splitlines()[-1] == "or: s3portal bucket public-access block test-bucket"


def test_portals_that_share_a_bucket_have_a_rule_each(examine: Examine, front: StoreFront) -> None:
    front.instead = store = LifecycleStore()

    for prefix in ("a", "b", "a"):
        assert examine(s3_endpoint=front.endpoint, s3_prefix=prefix, apply=True).is_well

    assert store.written == 2
    assert re.findall("<ID>([^<]*)</ID>", store.xml) == [
        "s3portal: abort unfinished uploads under a/",
        "s3portal: abort unfinished uploads under b/",
    ]
