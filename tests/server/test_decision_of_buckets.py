"""The one decision where a bucket has a say: its policy, its ACLs, and what overrules them."""

from __future__ import annotations

import json

import pytest

from s3portal.server.authority.callers import ANONYMOUS, Caller
from s3portal.server.authority.decision import Answer, decide
from s3portal.server.authority.facts import BucketFacts, ObjectFacts
from s3portal.server.authority.policy import read_policy
from s3portal.server.bucket_settings import acl, ownership, public_access_block
from s3portal.server.bucket_settings.canonical_users import canonical_id

MINE, OTHERS = "000000000000", "111122223333"
BUCKET, OBJECT = "arn:aws:s3:::b", "arn:aws:s3:::b/k"
ROLE_ARN, SESSION_ARN = f"arn:aws:iam::{MINE}:role/r", f"arn:aws:sts::{MINE}:assumed-role/r/sess"


def policy(*statements):
    return read_policy({"Statement": list(statements)}, "an own policy")


def statement(effect="Allow", action="s3:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource} | more


ALL, NOTHING = policy(statement()), policy(statement(action="sts:AssumeRole"))
NARROW = policy(statement(action="s3:ListBucket"))


def user(own=NOTHING, account=MINE, **more):
    return Caller("anna", f"arn:aws:iam::{account}:user/anna", "id", account, (own,), **more)


def session(own=NOTHING, narrowed=None):
    narrowing = (narrowed,) if narrowed else ()
    return Caller("r/sess", SESSION_ARN, "id", MINE, (own,), narrowing, role="r")


def bucket(*statements, grants=(), enforced=False, owner=MINE, **blocked):
    settings = {}
    if statements:
        settings["policy"] = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    if grants:
        settings["acl"] = acl.write(acl.Acl(tuple(acl.Grant(*grant) for grant in grants)), owner)
    if enforced:
        settings["ownershipControls"] = ownership.write(ownership.OwnershipControls("BucketOwnerEnforced"))
    if blocked:
        settings["publicAccessBlock"] = public_access_block.write(
            public_access_block.PublicAccessBlock(**blocked)
        )
    return BucketFacts("b", owner, settings)


def given(principal="*", action="s3:GetObject", effect="Allow", resource=f"{BUCKET}/*", **more):
    return statement(effect, action, resource, Principal=principal, **more)


def decided(who, there, action="s3:GetObject", resource=OBJECT, target=None):
    return decide(who, action, resource, {}, there, lambda: target)


def allowed(*arguments, **more):
    return decided(*arguments, **more).allowed


class TestPolicyOfTheBucket:
    @pytest.mark.parametrize(
        ("who", "principal", "expected"),
        [
            # In one's own account either side allows ...
            (user(), {"AWS": f"arn:aws:iam::{MINE}:user/anna"}, True),
            (user(), "*", True),
            (user(ALL), {"AWS": OTHERS}, True),
            (user(), {"AWS": f"arn:aws:iam::{MINE}:user/bob"}, False),
            # ... but naming the account leaves it to the account's own policies.
            (user(), {"AWS": MINE}, False),
            # In another account both have to.
            (user(ALL, OTHERS), {"AWS": OTHERS}, True),
            (user(ALL, OTHERS), {"AWS": f"arn:aws:iam::{OTHERS}:user/anna"}, True),
            (user(ALL, OTHERS), {"CanonicalUser": canonical_id(OTHERS)}, True),
            (user(ALL, OTHERS), "*", True),
            (user(NOTHING, OTHERS), "*", False),
            (user(ALL, OTHERS), {"AWS": MINE}, False),
            (ANONYMOUS, "*", True),
            (ANONYMOUS, {"AWS": "*"}, True),
            (ANONYMOUS, {"AWS": MINE}, False),
        ],
    )
    def test_gives(self, who, principal, expected):
        assert allowed(who, bucket(given(principal))) is expected

    @pytest.mark.parametrize(
        ("who", "principal", "expected"),
        [
            (session(), ROLE_ARN, True),
            (session(), SESSION_ARN, True),
            (session(narrowed=NARROW), ROLE_ARN, False),
            (session(narrowed=NARROW), "*", False),
            (session(narrowed=ALL), ROLE_ARN, True),
            # What is given to a session by its own name, no session policy takes.
            (session(narrowed=NARROW), SESSION_ARN, True),
            (session(ALL, NARROW), MINE, False),
        ],
    )
    def test_gives_to_sessions(self, who, principal, expected):
        assert allowed(who, bucket(given({"AWS": principal}))) is expected

    def test_a_denial_anywhere_is_final(self):
        denying = bucket(given(), given(effect="Deny", Sid="Never"))
        for who in (user(ALL), ANONYMOUS, user(ALL, OTHERS), session(ALL)):
            assert decided(who, denying).answer is Answer.DENIED
        assert str(decided(user(ALL), denying)) == (
            f"s3:GetObject on {OBJECT} is denied by statement 2 (Never) of the policy of bucket b"
        )
        guarded = policy(statement(), statement("Deny", "s3:GetObject"))
        assert decided(user(guarded), bucket(given())).answer is Answer.DENIED

    def test_what_allowed_is_told(self):
        assert str(decided(ANONYMOUS, bucket(given(Sid="Open")))) == (
            f"s3:GetObject on {OBJECT} is allowed by statement 1 (Open) of the policy of bucket b"
        )
        assert str(decided(user(), bucket(given({"AWS": MINE})))) == (
            f"s3:GetObject on {OBJECT} is not allowed: no statement of an own policy and of the policy of "
            "bucket b allows it"
        )

    def test_the_administrator_is_never_locked_out_of_the_policy(self):
        shut = bucket(given(action="s3:*", effect="Deny", resource=[BUCKET, f"{BUCKET}/*"]))
        root = user(ALL, is_root=True)
        for action in ("s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"):
            assert allowed(root, shut, action, BUCKET)
            assert not allowed(user(ALL), shut, action, BUCKET)
            assert not allowed(user(ALL, OTHERS, is_root=True), shut, action, BUCKET)
        assert not allowed(root, shut)

    def test_one_that_cannot_be_read_denies_everything(self):
        broken = BucketFacts("b", MINE, {"policy": '{"Statement": {"Effect": "Perhaps"}}'})
        assert decided(user(ALL), broken).answer is Answer.DENIED
        assert "cannot be read" in str(decided(user(ALL), broken))

    def test_a_public_one_may_be_for_the_own_account_alone(self):
        restricted = {"restrict_public_buckets": True}
        public = bucket(given(), given({"AWS": OTHERS}), **restricted)
        assert not allowed(ANONYMOUS, public)
        assert not allowed(user(ALL, OTHERS), public)
        assert allowed(user(), public)
        assert allowed(user(ALL, OTHERS), bucket(given({"AWS": OTHERS}), **restricted))


class TestAcls:
    @pytest.mark.parametrize(
        ("permission", "actions"),
        [
            ("READ", {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}),
            ("WRITE", {"s3:PutObject"}),
            ("READ_ACP", {"s3:GetBucketAcl"}),
            ("WRITE_ACP", {"s3:PutBucketAcl"}),
        ],
    )
    def test_of_a_bucket(self, permission, actions):
        every = ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:PutObject",
                 "s3:DeleteObject", "s3:GetBucketAcl", "s3:PutBucketAcl", "s3:GetBucketPolicy")  # fmt: skip
        there, target = bucket(grants=[(acl.ALL_USERS, permission)]), ObjectFacts(MINE)
        assert {a for a in every if allowed(ANONYMOUS, there, a, BUCKET, target)} == actions
        full = bucket(grants=[(canonical_id(OTHERS), "FULL_CONTROL")])
        given = {a for a in every if allowed(user(ALL, OTHERS), full, a, BUCKET, target)}
        assert given == set(every) - {"s3:GetBucketPolicy", "s3:DeleteObject"}

    @pytest.mark.parametrize(
        ("permission", "actions"),
        [
            ("READ", {"s3:GetObject", "s3:GetObjectVersion"}),
            ("READ_ACP", {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"}),
            ("WRITE_ACP", {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"}),
            ("WRITE", set()),
        ],
    )
    def test_of_an_object(self, permission, actions):
        every = ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAcl", "s3:GetObjectVersionAcl",
                 "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutObject", "s3:DeleteObject")  # fmt: skip
        document = acl.write(acl.Acl((acl.Grant(acl.ALL_USERS, permission),)), MINE)
        target = ObjectFacts(MINE, document)
        assert {a for a in every if allowed(ANONYMOUS, bucket(), a, target=target)} == actions
        assert str(decided(ANONYMOUS, bucket(), target=ObjectFacts(MINE, _public(MINE)))) == (
            f"s3:GetObject on {OBJECT} is allowed by the ACL of the object"
        )

    def test_deleting_takes_an_object_of_ones_own(self):
        there = bucket(grants=[(canonical_id(OTHERS), "WRITE")])
        for owner, expected in ((MINE, False), (OTHERS, True)):
            assert allowed(user(ALL, OTHERS), there, "s3:DeleteObject", target=ObjectFacts(owner)) is expected

    @pytest.mark.parametrize(
        ("grantee", "who", "expected"),
        [
            (acl.ALL_USERS, ANONYMOUS, True),
            (acl.AUTHENTICATED_USERS, ANONYMOUS, False),
            (acl.AUTHENTICATED_USERS, user(ALL, OTHERS), True),
            (acl.AUTHENTICATED_USERS, user(NOTHING, OTHERS), False),
            (acl.ALL_USERS, user(), True),
            (acl.LOG_DELIVERY, ANONYMOUS, False),
            (canonical_id(OTHERS), user(ALL, OTHERS), True),
            (canonical_id(OTHERS), ANONYMOUS, False),
            # The account has it; which of its users may, its own policies say.
            (canonical_id(MINE), user(), False),
        ],
    )
    def test_to_whom(self, grantee, who, expected):
        assert allowed(who, bucket(grants=[(grantee, "READ")]), "s3:ListBucket", BUCKET) is expected

    def test_session_policies_narrow_what_everybody_has(self):
        there = bucket(grants=[(acl.ALL_USERS, "READ")])
        assert allowed(session(narrowed=NARROW), there, "s3:ListBucket", BUCKET)
        narrow = policy(statement(action="s3:PutObject"))
        assert not allowed(session(narrowed=narrow), there, "s3:ListBucket", BUCKET)

    def test_mean_nothing_where_the_owner_owns_everything(self):
        there = bucket(grants=[(acl.ALL_USERS, "READ")], enforced=True)
        assert not allowed(ANONYMOUS, there, "s3:ListBucket", BUCKET)
        assert not allowed(ANONYMOUS, there, target=ObjectFacts(MINE, _public(MINE)))

    def test_public_ones_may_be_ignored(self):
        grants = [(acl.ALL_USERS, "READ"), (canonical_id(OTHERS), "READ")]
        there = bucket(grants=grants, ignore_public_acls=True)
        assert not allowed(ANONYMOUS, there, "s3:ListBucket", BUCKET)
        assert not allowed(user(), there, "s3:ListBucket", BUCKET)
        assert allowed(user(ALL, OTHERS), there, "s3:ListBucket", BUCKET)
        assert not allowed(ANONYMOUS, there, target=ObjectFacts(MINE, _public(MINE)))

    def test_what_is_not_there_is_told_to_who_may_list(self):
        assert allowed(ANONYMOUS, bucket(grants=[(acl.ALL_USERS, "READ")]))
        assert not allowed(ANONYMOUS, bucket(grants=[(acl.ALL_USERS, "WRITE")]))

    def test_a_denial_in_the_policy_overrules_them(self):
        there = bucket(given(effect="Deny"), grants=[(acl.ALL_USERS, "READ")])
        assert decided(ANONYMOUS, there, target=ObjectFacts(MINE, _public(MINE))).answer is Answer.DENIED


class TestObjectsOfOthers:
    """Without Object Ownership's enforcement, what another account wrote is that account's."""

    shared = bucket(given({"AWS": OTHERS}, "s3:PutObject"), given({"AWS": f"arn:aws:iam::{MINE}:user/anna"}))

    def test_the_owner_of_the_bucket_may_not_read_them(self):
        assert not allowed(user(ALL), self.shared, target=ObjectFacts(OTHERS))
        assert not allowed(user(), self.shared, target=ObjectFacts(OTHERS))
        assert "owns the object" in str(decided(user(ALL), self.shared, target=ObjectFacts(OTHERS)))
        assert allowed(user(ALL), self.shared, "s3:DeleteObject", target=ObjectFacts(OTHERS))
        assert allowed(user(ALL), self.shared, target=ObjectFacts(MINE))

    def test_unless_their_acl_says_so(self):
        document = acl.write(acl.Acl((acl.Grant(canonical_id(MINE), "FULL_CONTROL"),)), OTHERS)
        assert allowed(user(ALL), self.shared, target=ObjectFacts(OTHERS, document))

    def test_their_owner_may(self):
        assert allowed(user(ALL, OTHERS), self.shared, target=ObjectFacts(OTHERS))

    def test_nobody_looks_for_the_object_where_nothing_hangs_on_it(self):
        def never():
            raise AssertionError

        assert decide(user(ALL), "s3:GetObject", OBJECT, {}, bucket(), never).allowed
        assert decide(user(ALL), "s3:PutObject", OBJECT, {}, self.shared, never).allowed
        assert decide(ANONYMOUS, "s3:GetObject", OBJECT, {}, bucket(given(), enforced=True), never).allowed


def _public(owner):
    grants = (acl.Grant(canonical_id(owner), "FULL_CONTROL"), acl.Grant(acl.ALL_USERS, "READ"))
    return acl.write(acl.Acl(grants), owner)
