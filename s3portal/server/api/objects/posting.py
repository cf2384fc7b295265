"""PostObject: one file by an HTML form, whose signed policy says what may be sent.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from s3portal.server.access.authenticator import Authenticator
from s3portal.server.access.payload import open_posted_payload
from s3portal.server.access.post_policy import FILENAME_VARIABLE
from s3portal.server.api.objects.description import description_of
from s3portal.server.api.objects.writing import algorithms_beside, headers_of, store
from s3portal.server.gateway.call import Call
from s3portal.server.gateway.operation import BUCKET, Incoming, Operation
from s3portal.server.storage import journal
from s3portal.server.storage.records import StoredObject
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.posted_form import PostedFile, read_posted_form
from s3portal.server.wire.reply import Reply, xml_reply
from s3portal.server.wire.s3_request import KEY_LIMIT_BYTES, S3Request
from s3portal.server.wire.xml_documents import document, fields, parse_xml

_TAG = re.compile(r"<([A-Za-z0-9]+:)?Tag[\s>/]")
_STATUSES = {"200": 200, "201": 201}


def open_form(authenticator: Authenticator, request: S3Request, body: io.RawIOBase) -> Incoming:
    """Returns what a form asks for as if it were a PUT: a request with a key and with the form's fields for
    headers, the file as its body, and the proof that the form was signed by somebody for this.

    Raises what read_posted_form and authenticate_form raise, InvalidArgument, UserKeyMustBeSpecified,
    KeyTooLongError, MalformedXML.
    """
    form = read_posted_form(request, body)
    assert request.bucket is not None
    if "key" not in form.fields and "policy" in form.fields:
        message = (
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of "
            "the fields."
        )
        raise S3Error("InvalidArgument", message, facts={"ArgumentName": "key", "ArgumentValue": ""})
    proof = authenticator.authenticate_form(form, request.bucket)
    key = form.fields.get("key", "").replace(FILENAME_VARIABLE, form.filename)
    if not key and proof.caller.is_anonymous:
        raise S3Error("AccessDenied")
    if not key:
        raise S3Error("UserKeyMustBeSpecified")
    if len(key.encode()) > KEY_LIMIT_BYTES:
        facts = {"Size": str(len(key.encode())), "MaxSizeAllowed": str(KEY_LIMIT_BYTES)}
        raise S3Error("KeyTooLongError", facts=facts)
    headers = form.headers() | {"host": request.header("host") or ""}
    # A form says acl where a header says x-amz-acl, and writes tags as a document, which may hold none.
    if "acl" in headers:
        headers["x-amz-acl"] = headers.pop("acl")
    tagging = headers.get("tagging", "")
    if _TAG.search(tagging):
        headers["x-amz-tagging"] = tagging
    elif tagging:
        parse_xml(tagging.encode("latin-1"))
    return Incoming(replace(request, key=key, headers=headers), form.file, proof)


def post_object(call: Call) -> Reply:
    """Stores the file; answers 204, what success_action_status asks for, or where to go next."""
    # The bucket is known before the file comes, so that a gigabyte for none is not taken.
    description = description_of(call)
    assert isinstance(call.body, PostedFile)
    payload = open_posted_payload(call.request, call.body, algorithms_beside(call))
    stored = store(call, payload, description, lambda found: None, journal.POST)
    return _answer(call, stored, headers_of(call, stored, description.encryption))


def _answer(call: Call, stored: StoredObject, headers: dict[str, str]) -> Reply:
    folder = f"{call.request.scheme}://{call.header('host')}{call.request.raw_path}".rstrip("/")
    location = f"{folder}/{quote(stored.key)}"
    headers = headers | {"Location": location}
    go_on_at = _redirect(call.header("success_action_redirect") or "", stored)
    if go_on_at:
        return Reply(303, headers | {"Location": go_on_at})
    status = _STATUSES.get(call.header("success_action_status") or "", 204)
    if status != 201:
        return Reply(status, headers)
    names = (("Location", location), ("Bucket", stored.bucket), ("Key", stored.key))
    body = document("PostResponse", fields(*names, ("ETag", f'"{stored.etag}"')), namespace="")
    return xml_reply(body, status=201, headers=headers)


def _redirect(address: str, stored: StoredObject) -> str | None:
    """Where a browser goes next, told what was stored; None for what is no web address, as S3 does."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    told = [("bucket", stored.bucket), ("key", stored.key), ("etag", f'"{stored.etag}"')]
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *told])
    return parts._replace(query=query).geturl()


OPERATIONS = (
    Operation(
        "PostObject",
        BUCKET,
        "POST",
        (),
        "s3:PutObject",
        post_object,
        creates_object=True,
        begins_object=True,
        open_form=open_form,
    ),
)
