"""The identity providers of the configuration file, read-only.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOpenIDConnectProviders.html
"""

from __future__ import annotations

from collections.abc import Sequence

from s3portal.server.access.oidc_providers import OidcProvider
from s3portal.server.api.caller_permissions import require
from s3portal.server.api.iam.answers import members, moment, texts
from s3portal.server.api.iam.asked import ARN_LIMIT, parameters_of
from s3portal.server.api.iam.row import row
from s3portal.server.gateway.call import Call
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import field, fields


def _list_providers(call: Call) -> str:
    parameters_of(call)
    require(call, "iam:ListOpenIDConnectProviders", "*")
    return members("OpenIDConnectProviderList", (field("Arn", found.arn) for found in _providers(call)))


def _get_provider(call: Call) -> str:
    arn = parameters_of(call).required("OpenIDConnectProviderArn", most=ARN_LIMIT, least=20)
    require(call, "iam:GetOpenIDConnectProvider", arn)
    found = next((one for one in _providers(call) if one.arn == arn), None)
    if found is None:
        raise S3Error("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}")
    return (
        fields(("Url", found.name), ("CreateDate", moment(0)))
        + texts("ClientIDList", found.audiences)
        + texts("ThumbprintList", ())
    )


def _providers(call: Call) -> Sequence[OidcProvider]:
    there = call.service.web_identities.providers
    return [found for found in there if found.account_id == call.account_id]


OPERATIONS = (
    row("ListOpenIDConnectProviders", _list_providers),
    row("GetOpenIDConnectProvider", _get_provider),
)
