"""Who may call what of STS, whatever policies say, and who somebody is.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
"""

from __future__ import annotations

from s3portal.server.api.caller_permissions import require
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.authority.callers import SessionKind
from s3portal.server.authority.decision import Answer, Decision
from s3portal.server.authority.denied import AccessDenied
from s3portal.server.gateway.call import Call
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import field, fields

_MAY = {
    SessionKind.OWN: {"AssumeRole"},
    SessionKind.FEDERATED: set(),
    SessionKind.ROLE: {"AssumeRole", "GetAccessKeyInfo"},
}
_KEY_ID = r"[A-Za-z0-9_.-]+"


def refuse_sessions(call: Call, name: str) -> None:
    """Raises AccessDenied for callers whose temporary credentials are not taken by an operation."""
    caller = call.proof.caller
    if caller.session is None or name in _MAY[caller.session]:
        return
    decision = Decision(Answer.DENIED, f"sts:{name}", "*", f"the kind of session of {caller.arn}")
    raise AccessDenied(decision, f"Cannot call {name} with session credentials")


def get_caller_identity(call: Call) -> str:
    """Needs no permission, as on AWS."""
    caller = call.proof.caller
    return fields(("Arn", caller.arn), ("UserId", caller.user_id), ("Account", caller.account_id))


def get_access_key_info(call: Call) -> str:
    """Answers with the account of a key. Keys of sessions are kept nowhere, so nobody's account is known by
    them."""
    refuse_sessions(call, "GetAccessKeyInfo")
    require(call, "sts:GetAccessKeyInfo", "*")
    parameters = Parameters(dict(call.request.query))
    key_id = parameters.required("AccessKeyId", _KEY_ID, most=128, least=3)
    found = call.service.people.user_of_key(key_id)
    if found is None:
        raise S3Error("ValidationError", f"The access key {key_id} is not a user's of this server")
    return field("Account", found[0].account_id)
