"""All operations of STS."""

from __future__ import annotations

from s3portal.server.api.sts.assuming import assume_role
from s3portal.server.api.sts.callers import get_access_key_info, get_caller_identity
from s3portal.server.api.sts.granted import VERSION
from s3portal.server.api.sts.user_sessions import get_federation_token, get_session_token
from s3portal.server.api.sts.web_identity import assume_role_with_web_identity
from s3portal.server.gateway.operation import QueryOperation

OPERATIONS = (
    QueryOperation("sts", VERSION, "AssumeRole", assume_role),
    QueryOperation("sts", VERSION, "AssumeRoleWithWebIdentity", assume_role_with_web_identity, open=True),
    QueryOperation("sts", VERSION, "GetAccessKeyInfo", get_access_key_info),
    QueryOperation("sts", VERSION, "GetCallerIdentity", get_caller_identity),
    QueryOperation("sts", VERSION, "GetFederationToken", get_federation_token),
    QueryOperation("sts", VERSION, "GetSessionToken", get_session_token),
)
