"""The errors of IAM and STS, for the one table of errors.

Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Mapping

IDENTITY_ERRORS: Mapping[str, tuple[int, str]] = {
    "DeleteConflict": (409, "The entity cannot be deleted while something belongs to it."),
    "EntityAlreadyExists": (409, "The entity already exists."),
    "ExpiredTokenException": (400, "The web identity token has expired."),
    "IDPCommunicationError": (400, "The identity provider could not be asked for its keys."),
    "IDPRejectedClaim": (403, "The identity provider does not vouch for what the token claims."),
    "InvalidAction": (400, "The action or operation requested is invalid."),
    "InvalidClientTokenId": (403, "The security token included in the request is invalid."),
    "InvalidIdentityToken": (400, "The web identity token could not be validated."),
    "InvalidInput": (400, "An invalid or out-of-range value was supplied for an input parameter."),
    "LimitExceeded": (409, "A limit of the account would be exceeded."),
    "MalformedPolicyDocument": (400, "The policy is malformed."),
    "MissingAuthenticationToken": (403, "Request is missing Authentication Token"),
    "NoSuchEntity": (404, "The entity does not exist."),
    "PackedPolicyTooLarge": (400, "The session policies and tags are too large together."),
    "PolicyNotAttachable": (400, "The policy cannot be attached to this entity."),
    "UnmodifiableEntity": (400, "The entity is part of the server's configuration and cannot be changed."),
    "ValidationError": (400, "The input fails to satisfy the constraints of the service."),
}
