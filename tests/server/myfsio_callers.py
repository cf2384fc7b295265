"""Requests as MyFSIO's clients send them, with keys in headers, and URLs as anybody opens them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from s3_callers import send


def keys_of(user):
    return {"X-Access-Key": f"{user}-key", "X-Secret-Key": f"{user}-secret"}


def ask(server, method, path, document=None, user="portal", **headers):
    body = None if document is None else json.dumps(document)
    given = {} if document is None else {"Content-Type": "application/json"}
    status, answered, body = send(server, method, path, keys_of(user) | given | headers, body)
    is_json = answered.get("content-type") == "application/json"
    return status, json.loads(body) if is_json and body else body


def fetch(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
