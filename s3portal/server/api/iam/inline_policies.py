"""The policies of one user, group or role.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from s3portal.server.api.iam.answers import encoded, page, texts
from s3portal.server.api.iam.asked import NAME, POLICY_NAME_LIMIT, document_of, named, parameters_of
from s3portal.server.api.iam.row import row
from s3portal.server.api.query_parameters import Parameters
from s3portal.server.gateway.call import Call
from s3portal.server.iam import configured, inline_policies
from s3portal.server.iam.records import Identity, Kind
from s3portal.server.wire.xml_documents import fields


def documents_of(call: Call, identity: Identity) -> Mapping[str, str]:
    """Returns the documents by the names of the policies; that of the configuration file has a name too."""
    people = call.service.people
    if identity.configured:
        (policy,) = people.policies_of(identity)
        return {configured.SOURCE: policy.text}
    return people.read(lambda rows: inline_policies.of_identity(rows, identity.identity_id))


def _put(kind: Kind) -> Callable[[Call], None]:
    def put(call: Call) -> None:
        parameters = parameters_of(call)
        found = named(call, parameters, kind, f"Put{kind.title}Policy", changes=True)
        name, document = _policy_name(parameters), document_of(parameters)
        call.service.people.change(lambda rows: inline_policies.put(rows, found, name, document))

    return put


def _get(kind: Kind) -> Callable[[Call], str]:
    def get(call: Call) -> str:
        parameters = parameters_of(call)
        found = named(call, parameters, kind, f"Get{kind.title}Policy")
        name = _policy_name(parameters)
        document = documents_of(call, found).get(name)
        if document is None:
            raise inline_policies.no_such_policy(found, name)
        return fields(
            (f"{kind.title}Name", found.name), ("PolicyName", name), ("PolicyDocument", encoded(document))
        )

    return get


def _list(kind: Kind) -> Callable[[Call], str]:
    def list_all(call: Call) -> str:
        parameters = parameters_of(call)
        found = named(call, parameters, kind, f"List{kind.title}Policies")
        names = sorted(documents_of(call, found), key=lambda name: (name.lower(), name))
        shown, more = page(parameters, names, lambda name: name)
        return texts("PolicyNames", shown) + more

    return list_all


def _delete(kind: Kind) -> Callable[[Call], None]:
    def delete(call: Call) -> None:
        parameters = parameters_of(call)
        found = named(call, parameters, kind, f"Delete{kind.title}Policy", changes=True)
        name = _policy_name(parameters)
        call.service.people.change(lambda rows: inline_policies.delete(rows, found, name), frees_space=True)

    return delete


def _policy_name(parameters: Parameters) -> str:
    return parameters.required("PolicyName", NAME, most=POLICY_NAME_LIMIT)


OPERATIONS = (
    *(row(f"Put{kind.title}Policy", _put(kind)) for kind in Kind),
    *(row(f"Get{kind.title}Policy", _get(kind)) for kind in Kind),
    *(row(f"List{kind.title}Policies", _list(kind)) for kind in Kind),
    *(row(f"Delete{kind.title}Policy", _delete(kind)) for kind in Kind),
)
