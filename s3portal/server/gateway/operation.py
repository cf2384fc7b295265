"""A row of the operations table: what a request must look like to ask for an operation, and who does it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from s3portal.server.access.authenticator import Authenticator, Proof
from s3portal.server.gateway.call import Call
from s3portal.server.wire.reply import Reply
from s3portal.server.wire.s3_request import S3Request

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"
WRITE_CONDITIONS = ("if-match", "if-none-match")


@dataclass(frozen=True)
class Incoming:
    """A request whose sender is known. ``request`` and ``body`` may be others than those that came: a form's
    fields for headers and its file for the body, or the parameters that a body spelled for the query."""

    request: S3Request
    body: io.RawIOBase
    proof: Proof


@dataclass(frozen=True)
class Operation:
    """An operation of the S3 API.

    ``needs`` are the sub-resources in the query, ``copies`` whether x-amz-copy-source is there.
    ``action`` is what the caller must be allowed on the bucket or object; '' where the handler asks for
    each object by itself. A version id, and headers of a request that ``begins_object`` (tags, an ACL, a
    lock), ask for another action or for further ones. ``creates_bucket`` says that a bucket of this name
    is not the caller's to be allowed anything on. ``creates_object`` is the condition key
    s3:ObjectCreationOperation, None where the action is not s3:PutObject. ``conditional`` names the headers
    that make the change a conditional one: a policy that demands one is not satisfied by a header that
    nobody looks at. ``tags_in_body`` says that policies may ask about tags that the body holds.
    ``open_form`` is there where a request proves itself by a form in its body.

    Source of the names and permissions:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html and
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    """

    name: str
    level: str
    method: str
    needs: tuple[str, ...]
    action: str
    handler: Callable[[Call], Reply]
    copies: bool = False
    creates_bucket: bool = False
    creates_object: bool | None = None
    begins_object: bool = False
    conditional: tuple[str, ...] = ()
    tags_in_body: bool = False
    open_form: Callable[[Authenticator, S3Request, io.RawIOBase], Incoming] | None = None


@dataclass(frozen=True)
class QueryOperation:
    """An action of a service that speaks the AWS query protocol.

    ``service`` and ``version`` are as in the credential scope and in the ``Version`` parameter; ``handler``
    returns the content of the result element, None where there is none. What is ``open`` needs no signature.
    """

    service: str
    version: str
    name: str
    handler: Callable[[Call], str | None]
    open: bool = False


@dataclass(frozen=True)
class JsonOperation:
    """An operation of a service that speaks AWS's JSON protocol.

    ``target`` and ``name`` make the header X-Amz-Target; ``service`` is as in the credential scope.
    ``handler`` gets the parameters and returns the answer.
    """

    target: str
    name: str
    handler: Callable[[Call, Mapping[str, Any]], dict[str, Any]]
    service: str
