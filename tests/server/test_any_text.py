"""Whatever text a request has, what reads it returns a value or refuses it."""

from __future__ import annotations

import base64
import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from s3portal.server.access.post_policy import read_post_policy
from s3portal.server.api.objects.copy_source import parse_copy_source
from s3portal.server.api.objects.reading import parse_range
from s3portal.server.authority.policy import PolicyError, read_policy
from s3portal.server.bucket_settings import cors
from s3portal.server.http.values import list_of, parse_date, whole_number
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.json_documents import parse_json
from s3portal.server.wire.xml_documents import parse_document

names = st.sampled_from(
    ["Version", "Statement", "Effect", "Action", "Resource", "Condition", "conditions", "x"]
)

documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


class TestAnyText:
    """Whatever text comes, the outcome is a value or a refusal."""

    @given(st.text(max_size=80))
    def test_dates(self, text):
        moment = parse_date(text)
        assert moment is None or isinstance(moment, int)

    @given(
        st.from_regex(r"(Mon, )?[0-9]{1,25} Jan [0-9]{1,25} [0-9:]{1,12} [+-]?[0-9A-Z]{1,22}", fullmatch=True)
    )
    def test_dates_that_look_like_some(self, text):
        assert parse_date(text) is None or isinstance(parse_date(text), int)

    @given(st.text(max_size=80), st.integers(0, 100))
    def test_ranges(self, text, size_bytes):
        for header in (text, f"bytes={text}"):
            try:
                found = parse_range(header, size_bytes)
            except S3Error as refused:
                assert refused.code == "InvalidRange"
            else:
                assert found is None or 0 <= found[0] <= found[1] < size_bytes

    @given(st.text(max_size=40))
    def test_numbers(self, text):
        number = whole_number(text)
        assert number is None or (0 <= number < 10**18 and number == int(text))

    @given(st.text(st.characters(max_codepoint=255), max_size=80))
    def test_lists_and_copy_sources(self, text):
        assert all(member and member == member.strip(" \t") for member in list_of(text))
        try:
            bucket, key, _ = parse_copy_source(text)
        except S3Error as refused:
            assert refused.status in (400, 404)
        else:
            assert bucket and key

    @given(st.text(max_size=200))
    def test_json(self, text):
        with contextlib.suppress(ValueError):
            assert parse_json(text) == json.loads(text)

    @given(documents)
    def test_policies(self, document):
        text = json.dumps(document)
        try:
            read_policy(text)
        except PolicyError as refused:
            assert str(refused)
        try:
            read_post_policy(base64.b64encode(text.encode()).decode())
        except S3Error as refused:
            assert refused.code == "InvalidPolicyDocument"

    @given(st.binary(max_size=200))
    def test_documents(self, body):
        for given_body in (body, b"<CORSConfiguration>" + body + b"</CORSConfiguration>"):
            try:
                cors.rules_of_xml(parse_document(given_body, "CORSConfiguration"))
            except S3Error as refused:
                assert refused.status == 400
