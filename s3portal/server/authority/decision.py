"""The one decision: whether a caller may do something to a resource, and what decided it.

Pure. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
and https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from s3portal.server.authority.acl_grants import FindObject, granting_acl, is_of_object
from s3portal.server.authority.bucket_policy import BucketPolicy, read_bucket_policy
from s3portal.server.authority.callers import Caller
from s3portal.server.authority.facts import BucketFacts, ObjectFacts
from s3portal.server.authority.policy import Policy, PolicyError, Statement
from s3portal.server.authority.policy_patterns import Context
from s3portal.server.authority.principals import Named

# What a bucket's owner gives with s3:PutObject: who writes an object gives it its first ACL, and who began an
# upload may give it up. The writer's own policies must allow it as well. Sources:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies-condition-keys.html and
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
_OF_WRITERS = ("s3:PutObjectAcl", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
# What the administrator of an account may do to its buckets' policies, whatever these say: no policy locks
# its owner out. https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
_NEVER_LOCKED_OUT = ("s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy")


class Answer(Enum):
    """NOT_MENTIONED is no permission either; but another policy may still give it, where DENIED is final."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_MENTIONED = "not mentioned"


@dataclass(frozen=True)
class Decision:
    """``policy`` is the policy or ACL that decided: by its ``statement``, or by having none that allows
    it."""

    answer: Answer
    action: str
    resource: str
    policy: str | None = None
    statement: Statement | None = None

    @property
    def allowed(self) -> bool:
        return self.answer is Answer.ALLOWED

    def __str__(self) -> str:
        """The reason, as a sentence for people who ask why."""
        asked = f"{self.action} on {self.resource}"
        if self.statement is not None:
            return f"{asked} is {self.answer.value} by {self.statement} of {self.policy}"
        if self.answer is not Answer.NOT_MENTIONED:
            return f"{asked} is {self.answer.value} by {self.policy}"
        return f"{asked} is not allowed: no statement of {self.policy} allows it"


def no_object() -> ObjectFacts | None:
    """There is no object, or none that matters."""
    return None


def nobodys() -> bool:
    """The caller writes nothing that this is done to."""
    return False


def decide(
    caller: Caller,
    action: str,
    resource: str,
    context: Context,
    bucket: BucketFacts | None,
    find_object: FindObject = no_object,
    *,
    is_writer: Callable[[], bool] = nobodys,
) -> Decision:
    """Returns whether the caller may do this.

    ``action`` is like ``s3:PutObject``, ``resource`` an ARN or ``*``, ``context`` has the condition keys of
    the request in lower case. ``bucket`` is the bucket concerned, None where there is none;
    ``find_object`` is asked for the object where its owner or its ACL decides. ``is_writer`` says whether
    this is done to what the caller writes: the object that the request makes, or an upload that the caller
    has begun.
    """
    question = _Question(caller, action, resource, context, bucket, find_object, is_writer)
    try:
        policy = question.bucket_policy()
    except PolicyError as problem:
        # It was put by another version of this server: what it forbids cannot be told.
        name = f"the policy of bucket {bucket.name if bucket else ''}, which cannot be read ({problem})"
        return question.decided(Answer.DENIED, name)
    return question.denied(policy) or question.allowed(policy)


def is_kept_from(caller: Caller, named: Named, action: str, resource: str, context: Context) -> bool:
    """Whether the session policies or the boundary of a caller keep from it what the policy of a resource
    gives to whom it names so.

    A session policy limits what the role has, not what is given to the session by its own name; a boundary
    limits neither that nor what is given to a user by its name. Source:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """

    def allows(policies: Sequence[Policy]) -> bool:
        return any(policy.first(action, resource, context, allow=True) for policy in policies)

    if named is Named.SESSION:
        return False
    if caller.session_policies and not allows(caller.session_policies):
        return True
    is_own_name = named is Named.IDENTITY and caller.session is None and caller.role is None
    return caller.boundary is not None and not is_own_name and not allows((caller.boundary,))


@dataclass(frozen=True)
class _Question:
    caller: Caller
    action: str
    resource: str
    context: Context
    bucket: BucketFacts | None
    find_object: FindObject
    is_writer: Callable[[], bool]

    def decided(self, answer: Answer, policy: str, statement: Statement | None = None) -> Decision:
        return Decision(answer, self.action, self.resource, policy, statement)

    def bucket_policy(self) -> BucketPolicy | None:
        bucket = self.bucket
        text = bucket.policy_text if bucket else None
        return None if text is None or bucket is None else read_bucket_policy(text, bucket.name)

    def denied(self, bucket_policy: BucketPolicy | None) -> Decision | None:
        """Returns the explicit denial that there is in any of the policies."""
        caller = self.caller
        boundary = () if caller.boundary is None else (caller.boundary,)
        for policy in (*caller.identity_policies, *boundary, *caller.session_policies):
            if denying := policy.first(self.action, self.resource, self.context, allow=False):
                return self.decided(Answer.DENIED, policy.name, denying)
        if bucket_policy is None or self._is_never_locked_out():
            return None
        denying = bucket_policy.denying(caller, self.action, self.resource, self.context)
        return self.decided(Answer.DENIED, bucket_policy.name, denying) if denying else None

    def _is_never_locked_out(self) -> bool:
        return self.caller.is_root and self._is_own_bucket() and self.action in _NEVER_LOCKED_OUT

    def _is_own_bucket(self) -> bool:
        return self.bucket is None or self.bucket.owner == self.caller.account_id

    def allowed(self, bucket_policy: BucketPolicy | None) -> Decision:
        """Returns what is allowed where nothing denies it."""
        caller = self.caller
        if caller.is_anonymous:
            given = self._by_bucket(bucket_policy)
            return given or self.decided(Answer.NOT_MENTIONED, "a policy for everybody")
        own = self._by_own_policies()
        if self._is_own_bucket():
            if own.allowed:
                return self._unless_others(own)
            return self._by_own_bucket(bucket_policy) or self._not_mentioned(own, bucket_policy)
        if not own.allowed:
            return own
        # What another account owns is given by that account and by the caller's own, both.
        assert self.bucket is not None
        owner = f"account {self.bucket.owner}, which owns {self.bucket.name},"
        return self._by_bucket(bucket_policy) or self.decided(Answer.NOT_MENTIONED, owner)

    def _by_own_policies(self) -> Decision:
        """What the policies of the caller say: those of its identity, narrowed by those of its session."""
        caller = self.caller
        given = self._first_allow(caller.identity_policies)
        if given is None:
            return self.decided(Answer.NOT_MENTIONED, _names(caller.identity_policies))
        if caller.boundary is not None and not self._is_within_boundary():
            return self.decided(Answer.NOT_MENTIONED, caller.boundary.name)
        if caller.session_policies:
            given = self._first_allow(caller.session_policies)
            if given is None:
                return self.decided(Answer.NOT_MENTIONED, _names(caller.session_policies))
        policy, statement = given
        return self.decided(Answer.ALLOWED, policy.name, statement)

    def _is_within_boundary(self) -> bool:
        boundary = self.caller.boundary
        return boundary is None or self._first_allow((boundary,)) is not None

    def _first_allow(self, policies: Sequence[Policy]) -> tuple[Policy, Statement] | None:
        for policy in policies:
            if statement := policy.first(self.action, self.resource, self.context, allow=True):
                return policy, statement
        return None

    def _by_bucket(self, bucket_policy: BucketPolicy | None) -> Decision | None:
        """What a bucket of another account, or any bucket for nobody known, gives."""
        bucket = self.bucket
        if bucket is None:
            return None
        if bucket_policy is not None and not bucket.keeps_strangers_out:
            given = bucket_policy.allowing(self.caller, self.action, self.resource, self.context)
            if given is not None and not self._is_others_object():
                return self.decided(Answer.ALLOWED, bucket_policy.name, given[1])
        if self.action in _OF_WRITERS and self.is_writer():
            return self.decided(Answer.ALLOWED, "whatever allows s3:PutObject")
        name = granting_acl(self.caller, self.action, bucket, self.find_object, public_only=False)
        return self.decided(Answer.ALLOWED, name) if name else None

    def _by_own_bucket(self, bucket_policy: BucketPolicy | None) -> Decision | None:
        """What a bucket of the caller's own account gives besides what the account's policies do."""
        caller, bucket = self.caller, self.bucket
        if bucket is None:
            return None
        narrowed = bool(caller.session_policies) and self._first_allow(caller.session_policies) is None
        bounded = not self._is_within_boundary()
        given = None
        if bucket_policy is not None:
            given = bucket_policy.allowing(caller, self.action, self.resource, self.context)
        # Naming the account leaves it to the account's policies, which do not allow it.
        if bucket_policy is not None and given is not None and given[0] > Named.ACCOUNT:
            named, statement = given
            is_kept = is_kept_from(caller, named, self.action, self.resource, self.context)
            if not is_kept and not self._is_others_object():
                return self.decided(Answer.ALLOWED, bucket_policy.name, statement)
        if narrowed or bounded:
            return None
        name = granting_acl(caller, self.action, bucket, self.find_object, public_only=True)
        return self.decided(Answer.ALLOWED, name) if name else None

    def _is_others_object(self) -> bool:
        """Whether the object is another account's than the bucket: then the bucket's policy gives nothing."""
        bucket = self.bucket
        if bucket is None or not bucket.may_have_others_objects or not is_of_object(self.action):
            return False
        if self.is_writer():
            # What it replaces does not matter.
            return False
        found = self.find_object()
        return found is not None and found.owner != bucket.owner

    def _unless_others(self, own: Decision) -> Decision:
        """Owning a bucket is not owning what others have put into it."""
        if not self._is_others_object():
            return own
        assert self.bucket is not None
        name = granting_acl(self.caller, self.action, self.bucket, self.find_object, public_only=False)
        return own if name else self.decided(Answer.NOT_MENTIONED, "the account that owns the object")

    def _not_mentioned(self, own: Decision, bucket_policy: BucketPolicy | None) -> Decision:
        if bucket_policy is None:
            return own
        return self.decided(Answer.NOT_MENTIONED, f"{own.policy} and of {bucket_policy.name}")


def _names(policies: Sequence[Policy]) -> str:
    return " and ".join(policy.name for policy in policies) or "any policy"
